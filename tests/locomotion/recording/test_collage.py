import json
import re

import av
import numpy as np
import pytest
import torch

import envs
from agents import ActorCritic
from locomotion.checksums import write_sums
from locomotion.errors import UsageError
from locomotion.policies.stored import describe, save_policy
from locomotion.recording import collage
from locomotion.recording.collage import Grid, grid_for, parse_grid, record_progress, record_several
from locomotion.recording.film import Film


@pytest.fixture(scope="module", autouse=True)
def _opengl():
    vec_env = envs.make_vec("CartPole", 1, render_mode="rgb_array", width=16, height=16)
    try:
        vec_env.get_images()
    except envs.RenderingUnavailable as error:
        pytest.skip(str(error))
    finally:
        vec_env.close()


def untrained(folder, env, steps=0):
    env = envs.canonical_id(env)
    vec_env = envs.make_vec(env, 1)
    torch.manual_seed(steps)
    policy = ActorCritic(vec_env.observation_space, vec_env.action_space, lambda _: 1e-3, net_arch=[8])
    vec_env.close()
    folder.mkdir(parents=True)
    save_policy(policy, describe(policy, env, "trpo", 0, steps), folder)
    return folder


@pytest.fixture
def cartpole(tmp_path):
    return untrained(tmp_path / "cartpole", "CartPole")


@pytest.fixture
def hopper(tmp_path):
    return untrained(tmp_path / "hopper", "Hopper-v5")


@pytest.fixture
def run(tmp_path):
    """A run whose five evaluated policies were kept."""
    folder = tmp_path / "run"
    for i in range(5):
        snapshot = untrained(folder / "snapshots" / f"{1000 * i:010d}", "CartPole", 1000 * i)
        (snapshot / "evaluation.json").write_text(json.dumps({"return_mean": 10.0 * i, "metrics": {}}))
        write_sums(snapshot)
    return folder


@pytest.fixture
def captions(monkeypatch):
    """What was written below the robots of each picture."""
    seen = []
    monkeypatch.setattr(collage.Caption, "draw", lambda self, image, left, right: seen.append((left, right)))
    return seen


def decode(path):
    with av.open(str(path)) as container:
        return np.array([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def cells(frames, grid):
    """Cut frames (T, height, width, 3) into those of each cell."""
    return [cell for row in np.split(frames, grid.rows, 1) for cell in np.split(row, grid.columns, 2)]


def test_one_policy_fills_the_grid_with_further_seeds(tmp_path, cartpole, captions):
    made = record_several([cartpole], Grid(3, 2), Film(tmp_path / "film.mp4", seconds=0.4, width=192, height=96))
    frames = decode(made.path)
    assert frames.shape == (20, 96, 192, 3)
    assert (made.env, made.frames, made.seconds, made.episode_return) == ("Locomotion/CartPole-v0", 20, 0.4, None)
    assert captions[:6] == [("CartPole", "")] * 6
    robots = cells(frames.astype(int), Grid(3, 2))
    for i, robot in enumerate(robots):
        assert np.abs(robot[-1] - robot[0]).max() > 30  # it moves
        for other in robots[:i]:
            assert np.abs(robot - other).max() > 30  # and is another one


def test_of_a_robot_that_obeys_it_says_how_fast_it_was_told_to_go_and_goes(tmp_path, captions):
    record_several(["Go1"], Grid(1, 1), Film(tmp_path / "film.mp4", seconds=0.02, width=32, height=32))
    assert re.fullmatch(r"-?\d\.\d of (-?\d\.\d) m/s", captions[0][1])


def test_several_policies_each_in_its_own_real_time(tmp_path, cartpole, hopper, captions, monkeypatch):
    ages = []
    monkeypatch.setattr(collage.Player, "speed", lambda self: ages.append((self.name, self.seconds)))
    made = record_several([cartpole, hopper], None, Film(tmp_path / "film.mp4", seconds=0.16, width=64, height=32))
    assert made.env == "Locomotion/CartPole-v0, Hopper-v5"
    assert [left for left, _ in captions[:2]] == ["CartPole", "Hopper"]
    assert [name for name, _ in ages[:2]] == ["Locomotion/CartPole-v0", "Hopper-v5"]
    assert [age for _, age in ages[-2:]] == pytest.approx([4 / 31.25] * 2, abs=0.02)


def test_the_stages_of_a_training_carry_their_steps_and_returns(run, captions):
    made = record_progress(run, Grid(3, 1), Film(seconds=0.04, width=96, height=32))
    assert made.path == run / "videos" / "progress.mp4"
    assert captions[:3] == [("0 steps", "return 0"), ("2,000 steps", "return 20"), ("4,000 steps", "return 40")]
    assert decode(made.path).shape == (2, 32, 96, 3)
    captions.clear()
    assert record_progress(run, film=Film(seconds=0.02)).path.is_file()
    assert len(captions) == 4


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_a_collage_can_be_an_animated_picture(tmp_path, cartpole, ending):
    assert (
        record_several([cartpole], Grid(2, 2), Film(tmp_path / f"film{ending}", 0.1, 64, 64)).path.stat().st_size > 500
    )


def test_the_captions_are_written_below_each_robot(tmp_path, cartpole):
    plain = decode(record_several([cartpole], Grid(2, 1), Film(tmp_path / "small.mp4", 0.02, 64, 48)).path)
    written = decode(record_several([cartpole], Grid(2, 1), Film(tmp_path / "large.mp4", 0.02, 640, 240)).path)
    assert plain[:, 40:].max() < 250 < written[:, 220:].max()


def test_default_path(cartpole, hopper):
    assert (
        record_several([cartpole, hopper], film=Film(seconds=0.02, width=64, height=32)).path
        == cartpole.parent / "cartpole-2x1.mp4"
    )


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (3, 3, 1), (4, 2, 2), (6, 3, 2), (7, 3, 3)])
def test_the_grid_for_a_number_of_policies(count, columns, rows):
    assert grid_for(count) == Grid(columns, rows)


@pytest.mark.parametrize("text", ["", "3", "3x", "0x2", "x", "3x2x1", "-1x2", "99x99", "3 x 2", "axb"])
def test_what_is_no_grid_is_refused(text):
    with pytest.raises(UsageError, match="--grid takes columns x rows, such as 3x2, and at most 64 robots, got"):
        parse_grid(text)
    assert parse_grid("3x2") == Grid(3, 2)


def test_mistakes_become_one_sentence_and_leave_nothing(tmp_path, cartpole, hopper, run):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="2 policies do not fit into 1x1 places"):
        record_several([cartpole, hopper], Grid(1, 1), Film(tmp_path / "film.mp4"))
    with pytest.raises(UsageError, match="no policy at Bipeds"):
        record_several([cartpole, "Bipeds"], Grid(2, 1), Film(tmp_path / "film.mp4"))
    with pytest.raises(UsageError, match="must end in"):
        record_several([cartpole], Grid(2, 1), Film(tmp_path / "film.avi"))
    with pytest.raises(UsageError, match=r"--width must be even for an \.mp4, got 33"):
        record_several([cartpole], Grid(2, 1), Film(tmp_path / "film.mp4", width=33))
    with pytest.raises(UsageError, match="has kept 5 policies, too few for --grid 3x2"):
        record_progress(run, Grid(3, 2))
    with pytest.raises(UsageError, match="name a --grid of two places or more, not 1x1"):
        record_progress(run, Grid(1, 1))
    with pytest.raises(UsageError, match="has kept no policies of its training"):
        record_progress(cartpole)
    with pytest.raises(UsageError, match=r"there is no folder .*nowhere: --progress takes that of a run"):
        record_progress(tmp_path / "nowhere")
    (run / "snapshots" / "0000000000" / "evaluation.json").write_text("{")
    with pytest.raises(UsageError, match=r"evaluation\.json is damaged"):
        record_progress(run)
    assert sorted(tmp_path.rglob("*")) == before
