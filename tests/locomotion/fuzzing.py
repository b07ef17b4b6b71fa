"""Damage to every kind of file that is read again, at random: each is told in one sentence, or does no harm.

`python -m tests.locomotion.fuzzing NUMBER` tries so many of each kind (`make fuzz`). Every kind is tried twice: as
damage, where the checksums are those of the sound file, and as forgery, where they are made anew, so that the parsers
themselves are tried.
"""

from __future__ import annotations

import contextlib
import functools
import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.cannot_learn import Diverged
from locomotion.benchmarks import published
from locomotion.benchmarks.scores import SeedScores
from locomotion.checksums import digest, lines, write_sums
from locomotion.environments import make_env
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import evaluate_folder
from locomotion.evaluation.scores import Evaluation
from locomotion.export.sb3_zip import STATISTICS, ZIP, write_sb3
from locomotion.files import atomic_folder, write_json
from locomotion.importing.sb3 import policy_of, read_statistics, read_zip
from locomotion.policies.shipped import FOLDER
from locomotion.policies.stored import StoredPolicy, describe, save_policy
from locomotion.runs.folder import Run
from locomotion.runs.settings import Settings, read_config
from locomotion.sweeps.cell import train_cell
from locomotion.sweeps.plan import HEADLESS, Cell
from locomotion.sweeps.report import markdown
from locomotion.sweeps.results import results
from locomotion.sweeps.rows import RowFiles
from locomotion.training.blow_ups import Evidence, keep_blow_ups, read_blow_up
from locomotion.training.checkpoints import load_checkpoint, save_checkpoint
from locomotion.training.learners import build_learner
from locomotion.training.metrics import CsvRows, read_rows
from locomotion.training.run_callback import Progress, progress_at

SECONDS = 10  # after which a case hangs
MEMORY = 2**30  # bytes of address space that a case may take
RUNS_CODE = {"pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "compile", "exec"}
HOSTILE = [
    *(None, True, False, -1, 0, 1, 2, 10**9, 10**12, 2**63, 10**400, -(10**18), 0.5, -0.0, 1e-320, 1e308),
    *(float("nan"), float("inf"), float("-inf"), "", "a", "../../etc/passwd", "/dev/zero", "\x00", "\x1b[2J", "$\\x"),
    *([], [[]], [1, "a"], [10**9] * 3, [None], {}, {"a": 1}, {"__class__": "os.system"}, "é" * 99, [1] * 5000),
]


class Hangs(BaseException):
    """A case takes too long. No Exception: nothing on the way catches it."""


@dataclass(frozen=True)
class Kind:
    """A kind of file: where it is in a sound folder, and what reads it."""

    name: str
    file: str  # path in the folder
    read: Callable[[Path], object]  # of the folder


def small() -> Settings:
    return Settings.of("Locomotion/CartPole-v0", num_envs=4, n_steps=32, steps=128, actor=(8, 8), value=(8,))


@functools.cache
def learner() -> Any:
    settings = small()
    return build_learner(settings, make_env(settings.env, settings.rollout.num_envs, threads=1))


def make_sound(folder: Path) -> None:
    """Write a sound file of every kind."""
    shutil.copytree(FOLDER / "CartPole", folder / "policy")
    learner().learn(128)
    card = describe(learner().policy, "Locomotion/CartPole-v0", "trpo", 0, 128)
    save_checkpoint(folder / "checkpoint", learner(), card, vars(Progress(128, 20.0, "abc")))
    run = Run(folder / "run")
    run.folder.mkdir()
    write_json(run.config, small().as_json(), alone=True)
    scores = evaluate_folder(folder / "policy", 2, threads=1)
    write_json(run.scores, scores.as_json(), alone=True)
    rows = CsvRows(run.metrics)
    for step in (128, 256, 384):
        rows.write({"train/kl": 0.1 / step, "rollout/ep_rew_mean": float(step)}, {}, step)
    rows.close()
    with atomic_folder(run.best) as temporary:
        save_policy(learner().policy, card, temporary)
    task = {"episode_steps": 20}
    cell = Cell(small().changed(task=task, **HEADLESS))
    RowFiles(folder / "sweep").add("cell", train_cell(cell))
    shutil.copy(published.DATA, folder / "published.toml")
    arrays = {"state": np.zeros(8), "action": np.zeros(1, np.float32)}
    made_up = {"source": None, "steps": 128, "task": "CartPole", "fields": {}, "robot": 0, "seed": 0, "step": 3}
    evidence = Evidence(card.env, **made_up, found="BADQACC", model="0", arrays=arrays)
    (folder / "sb3").mkdir()
    write_sb3(learner().policy, folder / "sb3")
    (blow_up,) = keep_blow_ups(folder / "blow-ups", [evidence])
    blow_up.rename(folder / "blow-ups" / "blow-up")


def acts(folder: Path) -> None:
    policy = StoredPolicy.find(folder).load()
    actions = policy.deterministic(np.zeros((2, *policy.observation_space.shape), np.float32))
    assert len(actions) == 2


def scores_told(folder: Path) -> None:
    Evaluation.from_file(folder / "evaluation.json").table()


def resumed(folder: Path) -> None:
    checkpoint, model = folder / "checkpoint", learner()
    progress_at(checkpoint, load_checkpoint(checkpoint, model))
    try:
        model.learn(128, reset_num_timesteps=False)
    except Diverged as error:  # as training tells it
        raise UsageError(str(error)) from error


def rows_go_on(folder: Path) -> None:
    read_rows(folder / "metrics.csv")
    CsvRows(folder / "metrics.csv", 256).close()


def reported(folder: Path) -> None:
    markdown(results(RowFiles(folder).gather()))


def imported(folder: Path) -> None:
    policy = learner().policy
    zipped, statistics = read_zip(folder / ZIP), read_statistics(folder / STATISTICS)
    spaces = policy.observation_space, policy.action_space
    actions = policy_of(*zipped, statistics, *spaces, "it").deterministic(np.zeros((2, 4), np.float32))
    assert np.isfinite(actions).all()


def compared(folder: Path) -> None:
    published.DATA = folder / "published.toml"
    row = SeedScores("Hopper-v5", "trpo", 1_000_000, {0: {"return_mean": 3000.0, "metrics": {}}})
    published.published_table([row])


KEPT = ("policy.json", "policy.safetensors", "state.json", "state.safetensors", "SHA256SUMS")
KINDS = [
    Kind("policy.safetensors", "policy/policy.safetensors", lambda folder: acts(folder / "policy")),
    Kind("policy.json", "policy/policy.json", lambda folder: acts(folder / "policy")),
    Kind("SHA256SUMS", "policy/SHA256SUMS", lambda folder: acts(folder / "policy")),
    *(Kind(f"checkpoint: {name}", f"checkpoint/{name}", resumed) for name in KEPT),
    Kind("config.json", "run/config.json", lambda folder: read_config(folder / "run")),
    Kind("evaluation.json", "run/evaluation.json", lambda folder: scores_told(folder / "run")),
    Kind("metrics.csv", "run/metrics.csv", lambda folder: rows_go_on(folder / "run")),
    Kind("cells/*.parquet", "sweep/cells/cell.parquet", lambda folder: reported(folder / "sweep")),
    Kind("blow-ups/*.safetensors", "blow-ups/blow-up", lambda folder: read_blow_up(folder / "blow-ups" / "blow-up")),
    Kind("SB3's zip", f"sb3/{ZIP}", lambda folder: imported(folder / "sb3")),
    Kind("VecNormalize's pickle", f"sb3/{STATISTICS}", lambda folder: imported(folder / "sb3")),
    Kind("published_scores.toml", "published.toml", compared),
]
# Without a checksum beside it: the first is appended to, the second has its own inside, the third is ours, the last two
# are SB3's.
UNCHECKED = {"metrics.csv", "blow-ups/*.safetensors", "published_scores.toml", "SB3's zip", "VecNormalize's pickle"}


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return a content with one to three changes of its bytes, or, of JSON, of its values."""
    if content[:1] == b"{" and rng.random() < 0.6:
        return forged_json(content, rng)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(content) + 1)
        length = rng.choice((1, 1, 4, 100, len(content)))
        match rng.randrange(7):
            case 0 | 1 if content:  # some bits of a byte, or all
                at = rng.randrange(len(content)) if rng.random() < 0.5 else rng.randrange(min(64, len(content)))
                content = content[:at] + bytes([content[at] ^ rng.randint(1, 255)]) + content[at + 1 :]
            case 2:
                content = content[:at]
            case 3:
                content = content[:at] + rng.randbytes(min(length, 1000)) + content[at:]
            case 4:
                content = content[:at] + content[at + length :]
            case 5:  # a piece of it somewhere else
                start = rng.randrange(len(content) + 1)
                content = content[:at] + content[start : start + length] + content[at:]
            case 6:
                piece = rng.choice((b"\x00", b"\xff", b"9", b"[", b'"')) * length
                content = content[:at] + piece + content[at + length :]
    return content


def forged_json(content: bytes, rng: random.Random) -> bytes:
    """Return JSON with a value replaced, left out, added or named twice, or nested deeply."""
    values = json.loads(content)
    places = []

    def visit(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                visit(node[key])

    visit(values)
    node, key = rng.choice(places)
    match rng.randrange(8):
        case 0:
            del node[key]
        case 1 if isinstance(node, dict):
            node[rng.choice(["x", "__init__", "", *map(str, node)]) + "y"] = rng.choice(HOSTILE)
        case 2:
            text = json.dumps(values)
            name = rng.choice(list(values))
            return (text[:-1] + f", {json.dumps(name)}: {json.dumps(rng.choice(HOSTILE))}}}").encode()
        case 3:
            deep = rng.choice((40, 900, 100_000))
            node[key] = "HERE"
            return json.dumps(values).replace('"HERE"', "[" * deep + "]" * deep).encode()
        case 4:
            node[key] = "HERE"
            number = rng.choice(("1e400", "-1e400", "NaN", "1" * 5000, "0x10"))
            return json.dumps(values).replace('"HERE"', number).encode()
        case _:
            node[key] = rng.choice(HOSTILE)
    return json.dumps(values).encode()


_listening: list[list[str]] = []


def _hear(event: str, arguments: object) -> None:
    if _listening and event in RUNS_CODE:
        _listening[-1].append(f"{event} {str(arguments)[:200]}")


sys.addaudithook(_hear)


@contextlib.contextmanager
def bounded() -> Iterator[list[str]]:
    """Bound time and memory of a case; yield a list of the code that it runs."""

    def stop(signum: int, frame: object) -> None:
        raise Hangs

    with Path("/proc/self/statm").open() as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, limits[1]))
    handler = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    _listening.append([])
    try:
        yield _listening[-1]
    finally:
        _listening.pop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def outcome(read: Callable[[Path], object], folder: Path) -> str:
    """Return `told`, `harmless`, or what went wrong."""
    with bounded() as code:
        try:
            read(folder)
            said = "harmless"
        except UsageError as error:
            said = "told" if "\n" not in str(error) else f"several lines: {error}"
        except (Exception, Hangs) as error:
            said, wrong = "", error
    if code:
        return f"ran {code}"
    return said or "".join(traceback.format_exception(wrong))


def restore_sums(path: Path) -> None:
    """Make the checksum of a file anew, as a forger would."""
    if path.name == "SHA256SUMS":
        return
    beside = path.with_name(f"{path.name}.sha256")
    if beside.exists():
        beside.write_text(lines([digest(path)], path.name))
    elif path.with_name("SHA256SUMS").exists():
        write_sums(path.parent)


@contextlib.contextmanager
def sound_folder() -> Iterator[Path]:
    """Yield a folder with a sound file of every kind, each of which can be read."""
    data = published.DATA
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_sound(folder)
        for kind in KINDS:
            kind.read(folder)
        try:
            yield folder
        finally:
            published.DATA = data


def fuzz(kind: Kind, folder: Path, number: int, forged: bool, seed: int = 0) -> Counter[str]:
    """Damage a file so many times; return the outcomes, of which all but `told` and `harmless` are faults."""
    path = folder / kind.file
    sound = {one: one.read_bytes() for one in path.parent.iterdir() if one.is_file()}
    outcomes: Counter[str] = Counter()
    for case in range(number):
        rng = random.Random(f"{kind.name} {forged} {seed} {case}")
        content = damaged(sound[path], rng)
        if content == sound[path]:
            continue
        path.write_bytes(content)
        if forged:
            restore_sums(path)
        said = outcome(kind.read, folder)
        if said == "harmless" and not forged and kind.name not in UNCHECKED and not kind.name.endswith("SHA256SUMS"):
            said = "used though damaged"
        if said not in ("told", "harmless"):
            said = f"case {case}: {said}"
        outcomes[said] += 1
        for one, before in sound.items():
            one.write_bytes(before)
    return outcomes


def main(number: int) -> int:
    """Print a table of the outcomes and every fault; return the number of faults."""
    faults: list[str] = []
    print(f"{'file':32} {'checksum':10} {'tried':>6} {'told':>6} {'harmless':>9} {'faults':>7}")
    with sound_folder() as folder:
        for kind in KINDS:
            for forged in (False, True):
                found = fuzz(kind, folder, number, forged)
                wrong = [said for said in found if said not in ("told", "harmless")]
                how = "none" if kind.name in UNCHECKED else "forged" if forged else "kept"
                told, harmless = found["told"], found["harmless"]
                print(f"{kind.name:32} {how:10} {found.total():6} {told:6} {harmless:9} {len(wrong):7}", flush=True)
                faults += [f"{kind.name}, {said}" for said in wrong]
    print("", *faults, sep="\n")
    return len(faults)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])) > 0)
