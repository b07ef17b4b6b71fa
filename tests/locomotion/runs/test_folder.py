import pytest

from locomotion.errors import UsageError
from locomotion.files import atomic_file, atomic_folder, folder_name
from locomotion.runs.folder import Run
from locomotion.runs.settings import Settings, read_config


def fail_halfway(opened):
    with opened as path:
        (path / "half" if path.is_dir() else path).write_text("half")
        raise InterruptedError


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "here" / "checkpoint"
    with pytest.raises(InterruptedError):
        fail_halfway(atomic_folder(target))
    assert list((tmp_path / "here").iterdir()) == []
    with atomic_folder(target) as folder:
        (folder / "whole").write_text("whole")
        assert not target.exists()
    assert sorted(path.name for path in target.iterdir()) == ["SHA256SUMS", "whole"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(InterruptedError):
        fail_halfway(atomic_file(target))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file.txt", "old")]
    with atomic_file(target) as file:
        file.write_text("new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file.txt", "new")]


def test_a_folder_takes_another_ones_place(tmp_path):
    target = tmp_path / "best"
    for content in ("old", "new"):
        with atomic_folder(target) as folder:
            (folder / content).write_text(content)
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    assert sorted(path.name for path in target.iterdir()) == ["SHA256SUMS", "new"]


def test_runs_that_begin_in_the_same_second_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [Run.create(Settings.of(env="Hopper-v5", gamma=gamma)).folder for gamma in (0.9, 0.99, 0.999)]
    assert len(set(folders)) == 3
    assert [read_config(folder).advantage.gamma for folder in folders] == [0.9, 0.99, 0.999]


def test_the_last_checkpoints_are_kept(tmp_path):
    run = Run(tmp_path)
    for step in (100, 2000, 30):
        run.checkpoint(step).mkdir(parents=True)
    assert run.steps() == [30, 100, 2000]
    left = [parent / ".unfinished-x" for parent in (run.folder, run.checkpoints)]  # by a process that was killed
    for folder in left:
        folder.mkdir()
    run.prune(2)
    assert run.steps() == [100, 2000]
    assert not any(folder.exists() for folder in left)
    assert run.latest() == run.checkpoint(2000)


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ("Locomotion/CartPole-v0", "CartPole"),
        ("CartPole-v0", "CartPole-v0"),  # Gymnasium's
        ("Hopper-v5", "Hopper-v5"),
        ("a.b:C/D-v1", "a.b-C-D-v1"),
    ],
)
def test_every_id_is_a_folder(env, name):
    assert folder_name(env) == name


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(UsageError, match=r"cannot write to .*run: Not a directory"):
        Run.create(Settings.of(env="Hopper-v5", out=tmp_path / "run"))
