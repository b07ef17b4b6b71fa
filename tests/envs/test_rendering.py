import warnings

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs
from envs.graphics import INSTALL
from envs.offscreen import RenderingUnavailable
from envs.registry import GYMNASIUM_TASKS
from envs.rendering import Renderer


def opengl_works() -> bool:
    renderer = Renderer(envs.World(envs.make_task("Locomotion/CartPole-v0"), 1), 16, 16)
    try:
        renderer.render()
    except RenderingUnavailable:
        return False
    renderer.close()
    return True


needs_opengl = pytest.mark.skipif(not opengl_works(), reason=f"no OpenGL on this machine: {INSTALL}")


def subject(picture: np.ndarray, background: np.ndarray) -> int:
    """Count the pixels in which two pictures differ clearly."""
    return int((np.abs(picture.astype(int) - background.astype(int)).max(axis=2) > 30).sum())


@needs_opengl
@pytest.mark.parametrize("env_id", [*GYMNASIUM_TASKS, "CartPole"])
def test_no_robot_is_drawn_black(env_id):
    env = envs.make_vec(env_id, 2, render_mode="rgb_array", width=96, height=64)
    env.reset()
    pictures = env.get_images()
    for picture in pictures:
        assert picture.shape == (64, 96, 3)
        assert picture.dtype == np.uint8
        assert picture.mean() > 40
        assert picture.std() > 5
    np.testing.assert_array_equal(env.render(), np.concatenate(pictures))  # tiled
    env.close()


@needs_opengl
def test_the_robot_moves_and_each_is_its_own():
    env = envs.make_vec("HalfCheetah-v5", 2, render_mode="rgb_array", width=160, height=120)
    env.reset()
    first = env.get_images()
    rng = np.random.default_rng(0)
    for _ in range(15):
        env.step(rng.uniform(-1, 1, (2, 6)).astype(np.float32))
    later = env.get_images()
    assert subject(first[0], later[0]) > 50
    assert subject(later[0], later[1]) > 50
    np.testing.assert_array_equal(env.get_images()[0], later[0])  # drawing moves nothing
    env.close()


@needs_opengl
def test_drawing_does_not_change_the_physics():
    drawn, plain = (envs.make_vec("Ant-v5", 2, render_mode=mode, width=32, height=32) for mode in ("rgb_array", None))
    drawn.reset()
    plain.reset()
    for actions in np.random.default_rng(0).uniform(-1, 1, (30, 2, 8)).astype(np.float32):
        drawn.get_images()
        np.testing.assert_array_equal(drawn.step(actions)[0], plain.step(actions)[0])
    drawn.close()


@needs_opengl
def test_the_camera_follows_the_robot():
    world = envs.World(envs.make_task("HalfCheetah-v5"), 2)
    renderer = Renderer(world, 64, 64)
    world.sim.qpos[1, 0] = 8.0
    renderer.render(0)
    here = renderer.camera.lookat.copy()
    renderer.render(1)
    assert renderer.camera.lookat[0] - here[0] == pytest.approx(8.0, abs=0.3)
    assert renderer.camera.lookat[2] == here[2]
    renderer.close()


def test_the_camera_is_the_tasks_or_the_callers():
    world = envs.World(envs.make_task("Walker2d-v5"), 1)
    assert Renderer(world).camera.distance == world.task.camera["distance"] == 2.8
    closer = envs.make_task("Walker2d-v5", default_camera_config={"distance": 1.5, "azimuth": 30.0})
    camera = Renderer(envs.World(closer, 1)).camera
    assert (camera.distance, camera.azimuth) == (1.5, 30.0)


@needs_opengl
def test_pictures_larger_than_the_models_framebuffer():
    world = envs.World(envs.make_task("Hopper-v5"), 1)
    renderer = Renderer(world, 1000, 700, shadow_size=0, samples=0)
    picture = renderer.render()
    assert picture.shape == (700, 1000, 3)
    assert picture[-10:].std() > 5  # the lowest rows, too, were drawn
    renderer.close()
    assert renderer.render().shape == (700, 1000, 3)  # and opens again
    renderer.close()


@needs_opengl
def test_any_state_of_the_model_can_be_drawn():
    world = envs.World(envs.make_task("Locomotion/CartPole-v0"), 1)
    renderer = Renderer(world, 64, 64)
    data = mujoco.MjData(world.model)
    mujoco.mj_forward(world.model, data)
    upright = renderer.render_data(data).copy()
    data.qpos[1] = 1.0
    mujoco.mj_forward(world.model, data)
    assert subject(upright, renderer.render_data(data)) > 20
    renderer.close()


@needs_opengl
def test_gymnasiums_doors_draw():
    env = gymnasium.make("envs:Locomotion/CartPole-v0", render_mode="rgb_array", width=64, height=48)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)  # tries each render mode
    env.reset(seed=0)
    assert env.render().shape == (48, 64, 3)
    assert env.render().mean() > 40
    env.close()
    vector = gymnasium.make_vec("envs:Locomotion/CartPole-v0", 2, render_mode="rgb_array", width=64, height=48)
    vector.reset(seed=0)
    assert [picture.shape for picture in vector.render()] == [(48, 64, 3)] * 2
    vector.close()


@needs_opengl
def test_each_robot_is_drawn_in_its_own_physics_beside_what_it_sees_with_the_way_it_has_come():
    env = envs.make_vec("Labyrinth", 2, num_threads=1, render_mode="rgb_array", width=160, height=120)
    env.reset()
    env.world.batch.state[1] = env.world.batch.state[0]  # only the walls are others
    mine, other = (picture.copy() for picture in env.get_images())
    assert subject(mine[:, :96], other[:, :96]) > 300
    seen = env.task.first_person(env.world.sim)[0]
    panel = mine[:, 96:].reshape(-1, 3)
    assert {tuple(pixel) for pixel in seen[::4, ::8].reshape(-1, 3)} & {tuple(pixel) for pixel in panel}
    env.world.sim.qpos[0, :2] += 0.6
    env.step(np.zeros((2, 3), np.float32))
    drawn = env.get_images()[0]
    env._renderer._trails.clear()
    assert subject(drawn[:, :96], env.get_images()[0][:, :96]) > 10  # a line
    env.close()


@needs_opengl
def test_what_a_camera_sees_is_what_rays_meet():
    world = envs.World(envs.make_task("Locomotion/Labyrinth-v0", sight="camera"), 3, 1)
    world.reset(np.arange(3), [0, 1, 2])
    half, rng, agree = np.radians(world.task.view / 2), np.random.default_rng(0), []
    for _ in range(6):
        images, seen = world.observations, world.task._seen(world.sim)
        assert images.shape == (3, 84, 84, 3)
        assert world.observation_space.contains(images[0])
        angles = half * (1 - 2 * (np.arange(24) + 0.5) / 24)  # to the left
        columns = (42 * (1 - np.tan(angles) / np.tan(half))).astype(int)
        pixels = images[:, 42, columns].astype(float)  # at the height of the eyes, in the light of the scene
        sizes = np.linalg.norm(pixels, axis=2) * np.linalg.norm(seen.colours, axis=2)
        agree.append((pixels * seen.colours).sum(axis=2) > 0.99 * sizes)
        world.step(rng.uniform(-1, 1, (3, 3)).astype(np.float32))
    assert np.mean(agree) > 0.93  # but for pixels across an edge


def test_a_picture_of_no_pixels_is_refused():
    with pytest.raises(ValueError, match="at least 1 pixel"):
        envs.make_vec("Hopper-v5", 1, render_mode="rgb_array", width=0)
