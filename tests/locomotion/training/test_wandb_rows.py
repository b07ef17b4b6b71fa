import json
import subprocess
import sys

from locomotion.training.wandb_rows import WandbRows, new_run_id


def history(folder):
    """The steps and rows that `wandb sync` would send, of all files in a run's folder."""
    rows = []
    for file in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        inspect = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(file)]
        printed = subprocess.run(inspect, capture_output=True, text=True, check=True, cwd=folder).stdout
        for line in printed.splitlines():
            record = json.loads(line)
            if record["type"] == "history":
                item = record["history"]["item"]
                rows.append((item["_step"], {name: item[name] for name in item if not name.startswith("_")}))
    return rows


def test_a_run_that_is_resumed_has_each_step_once(tmp_path):
    run_id = new_run_id()
    killed = WandbRows(tmp_path, {}, "offline", "name", run_id)
    for step in (10, 20, 30):
        killed.write({"a": step / 10}, {}, step)
    killed.close()
    so_far = [{"global_step": 10.0, "a": 1.0}, {"global_step": 20.0, "a": 2.0}]  # of metrics.csv, to its checkpoint
    resumed = WandbRows(tmp_path, {}, "offline", "name", run_id, so_far)
    assert resumed.run_id == run_id
    for step in (30, 40):
        resumed.write({"a": step / 10}, {}, step)
    resumed.close()
    assert history(tmp_path) == [(step, {"global_step": step, "a": step / 10}) for step in (10, 20, 30, 40)]
