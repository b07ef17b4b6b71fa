import random
from fractions import Fraction
from pathlib import Path

import av
import gymnasium
import numpy as np
import pytest
import torch
from PIL import Image

import envs
from agents import ActorCritic
from locomotion.errors import UsageError
from locomotion.evaluation.episodes import evaluate
from locomotion.policies.stored import StoredPolicy, describe, save_policy
from locomotion.recording import video
from locomotion.recording.film import Film
from locomotion.recording.player import Player
from locomotion.recording.video import default_path, frame_rate, record

FOREIGN = "VideoTest-v0"


class Counting(gymnasium.Env):
    """Draws how many steps the episode is old; seven steps an episode, a reward of 1 for each."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 40}  # noqa: RUF012 - as gymnasium has it
    observation_space = gymnasium.spaces.Box(-1, 1, (2,))
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def __init__(self, render_mode=None, fault=None, episode=7):
        self.render_mode = render_mode
        self.fault = fault
        self.episode = episode
        self.age = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.age = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        random.random(), np.random.random(), torch.rand(1)  # noqa: NPY002 - as a stranger's environment may
        self.age += 1
        return np.zeros(2, np.float32), 1.0, self.age >= self.episode, False, {}

    def render(self):
        if self.fault == "raises":
            raise gymnasium.error.DependencyNotInstalled("pygame is not installed")
        return None if self.fault == "nothing" else np.full((100, 150, 3), 30 * self.age, np.uint8)


for suffix, kwargs in {
    "": {},
    "Raises": {"fault": "raises"},
    "Nothing": {"fault": "nothing"},
    "Endless": {"episode": 10**9},
}.items():
    gymnasium.register(FOREIGN.replace("-v0", f"{suffix}-v0"), entry_point=Counting, kwargs=kwargs)


@pytest.fixture(scope="module", autouse=True)
def _opengl():
    vec_env = envs.make_vec("CartPole", 1, render_mode="rgb_array", width=16, height=16)
    vec_env.reset()
    try:
        vec_env.get_images()
    except envs.RenderingUnavailable as error:
        pytest.skip(str(error))
    finally:
        vec_env.close()


def untrained(folder, env, steps=0, gain=1.0):
    """Save an untrained policy; a gain of its last layer makes its actions depend visibly on what it observes."""
    env = envs.canonical_id(env)
    vec_env = envs.make_vec(env, 1)
    torch.manual_seed(0)
    policy = ActorCritic(vec_env.observation_space, vec_env.action_space, lambda _: 1e-3, net_arch=[8])
    with torch.no_grad():
        policy.action_net.weight *= gain
    policy.update_normalizer(np.random.default_rng(0).normal(0.5, 0.1, (100, *vec_env.observation_space.shape)))
    vec_env.close()
    folder.mkdir(parents=True, exist_ok=True)
    save_policy(policy, describe(policy, env, "trpo", 0, steps), folder)
    return folder


@pytest.fixture
def hopper(tmp_path):
    return untrained(tmp_path / "hopper", "Hopper-v5")


def decode(path):
    """Return an MP4's stream and its frames (T, height, width, 3)."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream, np.array([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)])


def drawn(monkeypatch):
    """Keep what the overlay is given: (the picture before, name, episode, figures) for each frame."""
    seen = []

    def draw(self, image, name, episode, figures):
        seen.append((np.asarray(image).copy(), name, episode, figures))

    monkeypatch.setattr(video.Overlay, "draw", draw)
    return seen


@pytest.mark.parametrize(("env", "rate"), [("Hopper-v5", Fraction(125, 4)), ("CartPole", Fraction(50))])
def test_mp4_has_every_frame_at_its_time_and_moves(tmp_path, env, rate):
    out = tmp_path / "new" / "film.mp4"
    made = record(untrained(tmp_path / "policy", env), Film(out, seconds=0.6, width=256, height=144))
    stream, frames = decode(out)
    count = round(0.6 * rate)
    assert frames.shape == (count, 144, 256, 3)
    assert (made.path, made.frames, made.seconds) == (out, count, pytest.approx(float(count / rate)))
    assert stream.codec_context.name == "h264"
    assert stream.codec_context.pix_fmt == "yuv420p"
    assert stream.average_rate == rate
    assert float(stream.duration * stream.time_base) == pytest.approx(made.seconds)
    scene = frames[:, :110].astype(float)  # above the figures
    assert scene.mean(axis=(1, 2, 3)).min() > 30
    assert scene.std(axis=(1, 2, 3)).min() > 10
    assert (np.abs(np.diff(scene, axis=0)).max(axis=(1, 2, 3)) > 8).mean() > 0.9
    assert [path.name for path in out.parent.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_gif_and_webp_have_every_frame_and_play_in_real_time(tmp_path, hopper, ending):
    out = tmp_path / f"film{ending}"
    made = record(hopper, Film(out, seconds=0.5, width=129, height=95))
    with Image.open(out) as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (16, (129, 95), 0)
        frames, total = [], 0
        for i in range(image.n_frames):
            image.seek(i)
            image.load()  # a WebP knows a frame's duration once it is decoded
            total += image.info["duration"]
            frames.append(np.asarray(image.convert("RGB"), float))
    assert total == pytest.approx(1000 * made.seconds, abs=10)  # ms
    assert min(frame.mean() for frame in frames) > 30
    assert np.abs(frames[-1] - frames[0]).max() > 30


def test_pillow_formats_of_a_single_frame(tmp_path, hopper):
    for ending in (".gif", ".webp", ".mp4"):
        assert record(hopper, Film(tmp_path / f"film{ending}", seconds=0.001, width=32, height=32)).frames == 1


@pytest.mark.parametrize(
    ("control_rate", "ending", "rate"),
    [
        (Fraction(125), ".mp4", Fraction(125, 4)),
        (Fraction(20), ".mp4", Fraction(20)),
        (Fraction(200, 3), ".mp4", Fraction(100, 3)),
        (Fraction(59), ".mp4", Fraction(59)),
        (Fraction(59), ".gif", Fraction(59, 2)),
        (Fraction(50), ".gif", Fraction(50)),
    ],
)
def test_a_frame_is_taken_every_so_many_actions(control_rate, ending, rate):
    assert frame_rate(control_rate, ending) == rate


@pytest.mark.parametrize(
    ("ending", "least", "between", "rate"), [(".mp4", 30, 5, 25), (".mp4", 30, 8, 20), (".gif", 100, 20, 50)]
)
def test_a_slow_robots_film_shows_moments_between_its_actions(ending, least, between, rate):
    assert frame_rate(Fraction(5), ending, least, between) == rate


def test_fewer_frames_on_request(tmp_path, hopper):
    assert frame_rate(Fraction(125), ".webp", 12) == Fraction(25, 2)
    assert record(hopper, Film(tmp_path / "film.webp", seconds=0.4, width=32, height=32, fps=12)).frames == 5


def test_figures_are_of_the_episode_in_the_picture(tmp_path, monkeypatch):
    seen = drawn(monkeypatch)
    folder = untrained(tmp_path / "foreign", FOREIGN)
    made = record(folder, Film(tmp_path / "film.mp4", seconds=0.5, width=64, height=64))
    assert (made.frames, made.seconds, made.episode_return, made.finished) == (20, 0.5, 7.0, True)
    assert {name for _, name, _, _ in seen} == {FOREIGN}
    for i, (picture, _, episode, figures) in enumerate(seen):
        age = picture[32, 32, 0] // 30
        assert age == i % 7
        assert episode == f"episode {1 + i // 7}"
        assert figures == {"time": f"{age / 40:.1f} s", "total reward": f"{age:.1f}"}


def test_a_foreign_picture_is_fitted_into_the_size_asked_for(tmp_path):
    record(untrained(tmp_path / "foreign", FOREIGN), Film(tmp_path / "film.mp4", seconds=0.2, width=64, height=128))
    _, frames = decode(tmp_path / "film.mp4")
    assert frames.shape == (8, 128, 64, 3)
    assert abs(int(frames[5, 64, 32, 0]) - 150) < 12


def test_the_overlay_writes_below_the_robot_and_leaves_small_pictures_alone():
    for width, height, written in ((640, 480, True), (320, 240, True), (100, 80, False)):
        image = Image.new("RGB", (width, height), (200, 200, 200))
        video.Overlay(width, height).draw(image, "Hopper-v5", "episode 1", {"time": "1.0 s", "speed": "2.00 m/s"})
        pixels = np.asarray(image)
        changed = (pixels != 200).any(axis=(1, 2))
        assert changed.any() == written
        assert not changed[: height * 4 // 5].any()
        assert (pixels.max() > 240) == written


def test_plays_the_policy_as_evaluation_does_normaliser_included(tmp_path):
    folder = untrained(tmp_path / "policy", "CartPole", gain=100.0)
    vec_env = envs.make_vec("CartPole", 1)
    policy = StoredPolicy.find(folder).load(vec_env)
    made = record(folder, Film(tmp_path / "film.mp4", seconds=0.02, width=16, height=16, seed=5))
    assert made.finished  # its end lies after the video's
    assert made.episode_return == pytest.approx(evaluate(policy, "CartPole", 1, 5).return_mean)
    policy.features_extractor.load_state_dict(type(policy.features_extractor)(vec_env.observation_space).state_dict())
    assert made.episode_return != pytest.approx(evaluate(policy, "CartPole", 1, 5).return_mean)


def test_an_episode_without_an_end_is_reported_as_far_as_it_got(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "EVALUATION_STEPS", 50)
    folder = untrained(tmp_path / "foreign", FOREIGN.replace("-v0", "Endless-v0"))
    made = record(folder, Film(tmp_path / "film.mp4", seconds=0.1, width=16, height=16))
    assert (made.frames, made.episode_return, made.finished) == (4, 3 + 50, False)


def test_global_generators_are_left_as_they_were(tmp_path):
    folder = untrained(tmp_path / "foreign", FOREIGN)

    def states():
        return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002

    before = states()
    record(folder, Film(tmp_path / "film.mp4", seconds=0.1, width=16, height=16))
    assert states() == before


def test_default_path(tmp_path, monkeypatch):
    run = tmp_path / "run"
    checkpoint = untrained(run / "checkpoints" / "0000002048", FOREIGN, steps=2048)
    best = untrained(run / "best", FOREIGN, steps=1024)
    (run / "config.json").write_text("{}")
    made = record(run, Film(seconds=0.05, width=16, height=16))
    assert made.path == run / "videos" / "0000002048.mp4"
    assert made.path.is_file()
    assert default_path(StoredPolicy.find(best)) == run / "videos" / "0000001024.mp4"
    monkeypatch.chdir(checkpoint)
    assert record(".", Film(seconds=0.05, width=16, height=16)).path == Path("../../videos/0000002048.mp4")
    alone = untrained(tmp_path / "Hopper-v1.2", FOREIGN)
    assert default_path(StoredPolicy.find(alone)) == tmp_path / "Hopper-v1.2.mp4"


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("film.avi", {}, r"film\.avi must end in \.mp4, \.gif or \.webp"),
        ("film", {}, "must end in"),
        ("folder.mp4", {}, "is a folder"),
        ("file/film.mp4", {}, r"cannot write .*film\.mp4"),
        ("film.mp4", {"width": 15}, "--width must be 16 to 4096 pixels, got 15"),
        ("film.mp4", {"height": 4098}, "--height must be 16 to 4096 pixels, got 4098"),
        ("film.mp4", {"width": 33}, "--width must be even"),
        ("film.mp4", {"seconds": 0.0}, "--seconds must be"),
        ("film.mp4", {"seconds": float("nan")}, "--seconds must be"),
        ("film.mp4", {"seconds": 3601.0}, "--seconds must be"),
        ("film.mp4", {"fps": 0.5}, r"--fps must lie in \[1, 100\], got 0.5"),
        ("film.mp4", {"seed": -1}, "--seed must not be negative, got -1"),
        ("film.gif", {"seconds": 3600.0}, r"would take 10\.3 GiB"),
    ],
)
def test_what_cannot_be_recorded_is_refused_and_leaves_nothing(tmp_path, out, options, message):
    folder = untrained(tmp_path / "policy", FOREIGN)
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=message):
        record(folder, Film(tmp_path / out, **{"width": 320, "height": 240} | options))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.filterwarnings("ignore:.*RGB-array rendering")
@pytest.mark.parametrize(
    ("suffix", "message"), [("Raises", "cannot film .*pygame is not installed"), ("Nothing", "it draws no pictures")]
)
def test_an_environment_that_cannot_be_drawn(tmp_path, suffix, message):
    folder = untrained(tmp_path / "policy", FOREIGN.replace("-v0", f"{suffix}-v0"))
    with pytest.raises(UsageError, match=message):
        record(folder, Film(tmp_path / "new" / "film.mp4", width=32, height=32))
    assert not (tmp_path / "new").exists()


def test_without_opengl_one_sentence_says_what_to_install(tmp_path, hopper, monkeypatch):
    def unavailable(self):
        raise envs.RenderingUnavailable("no OpenGL; apt-get install libegl1")

    monkeypatch.setattr(envs.BatchedVecEnv, "get_images", unavailable)
    with pytest.raises(UsageError, match="cannot film Hopper-v5: no OpenGL; apt-get install libegl1"):
        record(hopper, Film(tmp_path / "new" / "film.mp4", width=32, height=32))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("ending", [".mp4", ".gif", ".webp"])
def test_a_failure_half_way_leaves_the_old_file(tmp_path, monkeypatch, ending):
    folder = untrained(tmp_path / "policy", FOREIGN)
    out = tmp_path / f"film{ending}"
    out.write_text("the old one")
    act = Player.act

    def fail(self):
        if self.steps == 5:
            raise OSError(28, "No space left on device")
        act(self)

    monkeypatch.setattr(Player, "act", fail)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=r"cannot write .*: No space left on device"):
        record(folder, Film(out, seconds=1, width=32, height=32))
    assert out.read_text() == "the old one"
    assert sorted(tmp_path.rglob("*")) == before


def test_an_old_file_is_replaced(tmp_path):
    out = tmp_path / "film.mp4"
    out.write_text("the old one")
    record(untrained(tmp_path / "policy", FOREIGN), Film(out, seconds=0.1, width=32, height=32))
    assert len(decode(out)[1]) == 4
