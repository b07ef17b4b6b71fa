import pytest
import torch

from locomotion.errors import UsageError
from locomotion.policies.tensors import read_tensors
from locomotion.training.start import OTHERWISE
from locomotion.training.train import train

NOISE = "log_std"


@pytest.fixture
def former(small, tmp_path):
    """A run's last checkpoint."""
    run = train(small(out=tmp_path / "former", log_std_init=-1.0)).run
    return run.checkpoint(run.steps()[-1])


def weights(folder):
    return read_tensors(folder / "policy.safetensors")


@pytest.mark.parametrize("changes", [{"algo": "trpo"}, {"algo": "ppo"}, {"algo": "a3c", "workers": 1}])
def test_a_run_starts_from_all_weights_of_a_policy_but_its_noise(small, former, changes):
    theirs = weights(former)
    run = train(small(start_from=str(former), log_std_init=-0.5, **changes)).run
    first = weights(run.snapshot(0))
    assert torch.equal(first.pop(NOISE), torch.full_like(theirs.pop(NOISE), -0.5))
    assert first.keys() == theirs.keys()
    assert all(torch.equal(first[name], theirs[name]) for name in theirs)
    layer = "mlp_extractor.policy_net.0.weight"
    moved = weights(run.checkpoint(run.steps()[-1]))[layer] - theirs[layer]
    assert 0.0 < moved.norm() < 0.5 * theirs[layer].norm()  # it went on from there, and did not begin anew


def test_two_processes_start_from_the_same_weights(small, former, tmp_path):
    runs = [train(small(start_from=str(former), processes=count, out=tmp_path / str(count))).run for count in (1, 2)]
    one, two = (weights(run.checkpoint(run.steps()[-1])) for run in runs)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_resuming_needs_the_first_policy_no_more(small, former, tmp_path):
    values = {"start_from": str(former), "evaluations": 0, "target_kl": 0.02, "final_kl": 0.02}
    straight = train(small(**values, out=tmp_path / "straight")).run
    begun = small(**values, steps=3 * 128)
    run = train(begun).run
    (former / "policy.json").unlink()
    resumed = train(begun.changed(steps=6 * 128, resume=run.folder)).run
    one, two = (weights(finished.checkpoint(6 * 128)) for finished in (straight, resumed))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_run_without_a_checkpoint_begins_from_the_policy_again(small, former, tmp_path):
    settings = small(start_from=str(former))
    whole = train(settings).run
    first = weights(whole.snapshot(0))
    for step in whole.steps():
        for file in whole.checkpoint(step).iterdir():
            file.unlink()
        whole.checkpoint(step).rmdir()
    again = train(settings.changed(resume=whole.folder)).run
    second = weights(again.snapshot(0))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"start_from": "nowhere"}, r"no policy at nowhere: .*"),
        ({"actor": (32,)}, rf"--start-from \S+: its --actor is \(64, 64\), here it is \(32,\){OTHERWISE}"),
        ({"memory": "gru"}, rf"--start-from \S+: its --memory is none, here it is gru{OTHERWISE}"),
        (
            {"env": "Hopper-v5"},
            rf"--start-from \S+: this policy was trained in \S+CartPole-v0, on .*; here they are .*{OTHERWISE}",
        ),
    ],
)
def test_a_policy_of_another_kind_is_refused_before_anything_is_written(small, former, changes, sentence):
    settings = small(**{"start_from": str(former), **changes})
    with pytest.raises(UsageError, match=f"^{sentence}$"):
        train(settings)
    assert not settings.run.out.exists()


def test_units_of_actions_that_are_one_need_not_be_called_alike(small, tmp_path):
    former = train(small(out=tmp_path / "former", action_unit="environment")).run  # its actions run from -1 to 1
    train(small(start_from=str(former.folder)))
    wide = {"env": "Pendulum-v1"}  # from -2 to 2
    former = train(small(out=tmp_path / "wide", action_unit="environment", **wide)).run
    with pytest.raises(UsageError, match=r"its --action-unit is environment, here it is range"):
        train(small(start_from=str(former.folder), out=tmp_path / "other", **wide))


def test_a_policy_of_discrete_actions_starts_a_run_too(small, tmp_path):
    values = {"env": "CartPole-v1"}
    former = train(small(out=tmp_path / "former", **values)).run
    run = train(small(start_from=str(former.folder), **values)).run
    theirs, first = weights(former.checkpoint(former.steps()[-1])), weights(run.snapshot(0))
    assert all(torch.equal(first[name], theirs[name]) for name in theirs)


def test_a_critic_that_knows_something_else_is_refused(small, tmp_path):
    maze = {"env": "Locomotion/Labyrinth-v0", "steps": 128, "evaluations": 0, "final_episodes": 1}
    former = train(small(out=tmp_path / "former", task={"apples": 3}, evaluation_steps=10, **maze)).run
    with pytest.raises(
        UsageError, match=rf"^--start-from \S+: its critic saw Box.*12,.*, here it sees Box.*15,.*{OTHERWISE}$"
    ):
        train(small(start_from=str(former.folder), **maze))
