"""Workers in processes of their own: learning together, and failures."""

import os
import re
import signal
from functools import partial
from multiprocessing import Pipe, active_children
from threading import Thread

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from torch.nn.utils import parameters_to_vector

import envs
from agents import A2C, A3C, Network
from agents.a3c import CHANGEABLE, MAX_DEATHS
from agents.a3c_worker import Shared, Worker
from agents.advantages import GAE, KStep
from agents.baselines import Constant, ValueNetwork
from agents.critics import AdamFit, TrustRegionFit
from agents.sent import as_sent
from envs.registry import require_task

ROBOTS, STEPS = 4, 8
UPDATE = ROBOTS * STEPS
make_env = partial(envs.make_vec, "CartPole", ROBOTS, num_threads=1)


def falling(first, remaining):
    return first * remaining


def make(workers, make_env=make_env, **kwargs):
    robots = envs.make_vec("CartPole", ROBOTS, num_threads=1)
    return A3C("MlpPolicy", robots, make_env, workers, **{"n_steps": STEPS, **kwargs})


class Broken(envs.BatchedVecEnv):
    """Robots whose task makes a mistake at the twelfth step, in the second rollout."""

    steps = 0

    def step_wait(self):
        self.steps += 1
        if self.steps == 12:
            raise envs.InvalidTask("the twelfth step is too much")
        return super().step_wait()


def make_broken_env():
    return Broken(require_task("Locomotion/CartPole-v0"), ROBOTS, num_threads=1)


class BlowingUp(envs.BatchedVecEnv):
    """Robots of which the third has an infinite velocity in the twelfth step, in the second rollout."""

    steps = 0

    def step_wait(self):
        self.steps += 1
        if self.steps == 12:
            self.world.sim.qvel[2] = np.inf
        return super().step_wait()


def make_env_that_blows_up():
    return BlowingUp(require_task("Locomotion/CartPole-v0"), ROBOTS, num_threads=1)


def make_env_and_die():
    os.kill(os.getpid(), signal.SIGKILL)


class Kill(BaseCallback):
    """Kills the first worker in the middle of the run, and ends it once another one has learned in its place."""

    killed = None

    def _on_rollout_start(self):
        if self.killed is None and self.n_calls >= 10 * STEPS:
            self.killed = next(process for number, process in self.model.processes.values() if number == 0)
            self.killed.kill()
            self.reported = self.model.reported[0]

    def _on_step(self):
        return not (self.model.replaced and self.model.reported[0] > self.reported + 20)


class Stop(BaseCallback):
    """Ends the training with the fifth step."""

    def _on_step(self):
        return self.n_calls < 5


@pytest.fixture(autouse=True)
def _ends_and_leaves_no_process(give_up_after):
    give_up_after(300)
    yield
    assert active_children() == []


@pytest.mark.parametrize("memory", ["none", "gru"])
def test_one_worker_does_exactly_what_a2c_does(logged, memory):
    kwargs = {"n_steps": STEPS, "seed": 3, "actor_learning_rate": partial(falling, 0.01), "ent_coef": 0.01}
    kwargs["policy_kwargs"] = {"network": Network(memory=memory, memory_size=8)}
    alone = A2C("MlpPolicy", make_env(), **kwargs)
    alone.learn(8 * UPDATE)
    model = make(1, **{name: value for name, value in kwargs.items() if name != "n_steps"})
    rows = logged(model)
    model.learn(8 * UPDATE, log_interval=4)
    assert model.num_timesteps == 8 * UPDATE
    for (name, one), other in zip(alone.policy.state_dict().items(), model.policy.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7, msg=name)
    for name, optimizer in alone.optimizers().items():
        ours = model.optimizers()[name].state_dict()["state"]
        for i, statistics in optimizer.state_dict()["state"].items():
            torch.testing.assert_close(statistics, ours[i], rtol=1e-6, atol=1e-9)
    assert [row["train/staleness"] for row in rows] == [0.0, 0.0]
    assert [row["time/total_timesteps"] for row in rows] == [4 * UPDATE, 8 * UPDATE]
    assert rows[-1]["rollout/ep_rew_mean"] == rows[-1]["reward/alive"] > 0


def test_two_workers_meet_each_other_s_updates(logged):
    model = make(2, seed=0)
    rows = logged(model)
    model.learn(300 * UPDATE, log_interval=50)
    assert 300 <= model._n_updates <= 301
    assert model.num_timesteps == model._n_updates * UPDATE
    assert 0.0 < max(row["train/staleness"] for row in rows) < 50.0
    assert all(torch.isfinite(tensor).all() for tensor in model.policy.state_dict().values())


def test_no_worker_acts_before_the_first_one_has_normalised_observations():
    model = make(2, seed=0)
    updates = torch.zeros(2, dtype=torch.int64)
    reports, ours = Pipe(duplex=False)
    shared = Shared(model.policy, model.actor_optimizer, updates, 0)
    second = Worker(shared, 1, ours, env=make_env(), **model.worker_arguments)
    thread = Thread(target=second.learn, args=(UPDATE,))
    thread.start()
    assert not reports.poll(0.5)
    updates[0] = 1
    thread.join()
    assert reports.poll()
    assert updates.tolist() == [1, 1]


def test_a_killed_worker_is_replaced_and_the_run_goes_on(logged):
    model = make(2, seed=0)
    rows = logged(model)
    kill = Kill()
    with pytest.warns(RuntimeWarning, match="worker 0, process .* died with exit code -9; another takes its place"):
        model.learn(10**9, callback=kill, log_interval=10)
    assert kill.killed.exitcode == -signal.SIGKILL
    assert rows[-1]["train/replaced_workers"] == 1
    assert model.replaced == 1


def test_a_worker_that_cannot_live_is_not_replaced_for_ever():
    with (
        pytest.warns(RuntimeWarning, match="another takes its place"),
        pytest.raises(RuntimeError, match=f"died with exit code -9: {MAX_DEATHS} deaths without an update"),
    ):
        make(1, make_env_and_die).learn(UPDATE)


def test_an_exception_in_a_worker_is_raised_as_it_was_there():
    with pytest.raises(envs.InvalidTask) as caught:
        make(2, make_broken_env).learn(100 * UPDATE)
    assert str(caught.value) == "the twelfth step is too much"
    (note,) = caught.value.__notes__
    assert re.match(r"in worker \d:\nTraceback (?s:.*) in step_wait", note)


def sent(error):
    try:
        raise error
    except BaseException as caught:
        return as_sent(3, caught)


class TwoWords(Exception):  # noqa: N818
    """An exception that pickle writes, and cannot read."""

    def __init__(self, one, other):
        super().__init__(f"{one} {other}")

    def __reduce__(self):  # what pickle does by itself, before a library teaches it better
        return TwoWords, self.args


class Local(Exception):  # noqa: N818
    """An exception that pickle does not write."""

    def __reduce__(self):
        raise TypeError("no")


@pytest.mark.parametrize("error", [TwoWords("not", "again"), Local("bound"), SystemExit(3)])
def test_what_cannot_travel_or_would_end_the_learner_s_process_travels_as_its_traceback(error):
    report = sent(error)
    assert type(report) is RuntimeError
    assert re.match(rf"worker 3 failed:\nTraceback (?s:.*){type(error).__name__}: {error}\n", str(report))


def test_a_callback_ends_the_training():
    model = make(2, seed=0)
    model.learn(10**9, callback=Stop())
    assert model.num_timesteps == 5 * ROBOTS


def test_workers_learn_by_arguments_that_were_changed_later():
    values = {
        "gamma": 0.5,
        "gae_lambda": 0.2,
        "n_steps": 4,
        "memory_steps": 2,
        "target": KStep(1),
        "normalize_advantage": False,
        "ent_coef": 0.1,
        "learning_rate": 0.02,
        "actor_learning_rate": 0.01,
        "max_grad_norm": 0.1,
    }
    assert set(values) == set(CHANGEABLE)
    memory = {"policy_kwargs": {"network": Network(memory="gru", memory_size=4)}}
    given, changed = make(1, seed=0, **memory, **values), make(1, seed=0, **memory, advantage=GAE(0.9))
    for name, value in values.items():
        setattr(changed, name, value)
    unchanged = make(1, seed=0, **memory)
    for model in (given, changed, unchanged):
        model.learn(2 * UPDATE)
    learned, same, other = (parameters_to_vector(one.policy.parameters()) for one in (given, changed, unchanged))
    assert torch.equal(learned, same)
    assert not torch.equal(learned, other)


@pytest.mark.parametrize("name", ["baseline", "episodic"])
def test_what_the_workers_have_made_is_not_changed_by_load(name, tmp_path):
    make(1, seed=0).save(tmp_path / "model")
    with pytest.raises(TypeError, match=f"'{name}' cannot be given to A3C.load"):
        A3C.load(tmp_path / "model", env=make_env(), **{name: None})


def test_goes_on_with_what_was_learned():
    model = make(1, seed=0)
    model.learn(4 * UPDATE)
    statistics = model.actor_optimizer.state_dict()["state"][0]
    model.learn(2 * UPDATE, reset_num_timesteps=False)
    assert model.num_timesteps == 6 * UPDATE == model.policy.features_extractor.moments.count
    assert model.actor_optimizer.state_dict()["state"][0]["step"] == statistics["step"] + 2 == 6


def test_is_saved_and_loaded_as_sb3_does(tmp_path):
    model = make(1, seed=0)
    model.learn(UPDATE)
    model.save(tmp_path / "model")
    loaded = A3C.load(tmp_path / "model", env=make_env())
    observations = np.random.default_rng(0).normal(size=(50, 4))
    np.testing.assert_array_equal(loaded.policy.deterministic(observations), model.policy.deterministic(observations))
    loaded.learn(UPDATE, reset_num_timesteps=False)
    assert loaded.num_timesteps == 2 * UPDATE


@pytest.mark.parametrize("workers", [1, 2])
def test_learns_to_balance_a_pole(workers):
    make_env = partial(envs.make_vec, "CartPole", 16, num_threads=1)
    rates = {"actor_learning_rate": partial(falling, 3e-3), "learning_rate": 5e-3}
    model = A3C(
        "MlpPolicy", make_env(), make_env, workers=workers, n_steps=8, gamma=0.995, gae_lambda=1.0, seed=1, **rates
    )
    model.learn(80_000)
    late = np.mean([episode["l"] for episode in model.ep_info_buffer])
    assert late > 200  # of 500; a random policy balances for about 30


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"workers": 0}, "workers must be at least 1, got 0"),
        ({"workers": 1, "make_env": None}, "make_env must be given"),
        ({"workers": 1, "baseline": lambda _: Constant()}, "a ValueNetwork fitted by AdamFit, got Constant"),
        (
            {"workers": 1, "baseline": lambda policy: ValueNetwork(policy, TrustRegionFit())},
            "a ValueNetwork fitted by AdamFit, got TrustRegionFit",
        ),
        (
            {"workers": 1, "baseline": lambda policy: ValueNetwork(policy, AdamFit())},
            "one step at a time, .* got epochs=5, max_batches=16",
        ),
        ({"workers": 1, "episodic": True}, "workers have no episodic rollouts"),
    ],
)
def test_refuses_what_cannot_work(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(**kwargs)


def test_the_workers_blow_ups_reach_the_learner():
    model = make(1, make_env_that_blows_up, seed=0)
    model.learn(3 * UPDATE)
    ((step, robot, told),) = model.blow_ups
    assert (model.physics_errors, step, robot, told.robot) == (1, 12 * ROBOTS, 2, 2)
    assert "BADQVEL" in told.found
