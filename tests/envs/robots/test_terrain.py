import mujoco
import numpy as np
import pytest

from envs.robots.terrain import CELL, FIELD, PATCH, field_middle, patchwork

GROUND = {"rubble": 0.1, "slope": 0.35, "step": 0.1}
SIDE = FIELD * PATCH  # cells


def test_difficulty_scales_everything_and_zero_is_flat():
    terrain = patchwork(0, (0.0, 0.5, 1.0), **GROUND)
    assert terrain.heights.shape == (SIDE, 3 * SIDE)
    flat, _, hard = np.split(terrain.heights, 3, axis=1)
    assert not flat.any()
    assert np.abs(hard).max() == pytest.approx(0.35 * 1.6)  # a hill's height: its side is 1.6 m long
    half = patchwork(0, (0.5,), **GROUND).heights
    np.testing.assert_allclose(2 * half, patchwork(0, (1.0,), **GROUND).heights)


def test_patches_are_rubble_slopes_or_steps_and_meet_at_the_same_height():
    heights = patchwork(0, (1.0,), **GROUND).heights
    kinds = {"rubble": 0, "slope": 0, "steps": 0}
    for patch in heights.reshape(FIELD, PATCH, FIELD, PATCH).transpose(0, 2, 1, 3).reshape(-1, PATCH, PATCH):
        values = np.unique(np.abs(patch).round(9))
        if len(values) == 6 and np.allclose(values, np.arange(6) * 0.1):  # m: five steps up, or down
            kinds["steps"] += 1
        elif np.isclose(np.abs(patch).max(), 0.56):
            kinds["slope"] += 1
            assert np.abs(np.diff(patch, axis=0)).max() <= 0.35 * CELL + 1e-9
        else:
            kinds["rubble"] += 1
            assert 0.0 <= patch.min() < patch.max() <= 0.1
    assert min(kinds.values()) > 5
    assert np.abs(np.concatenate([heights[0], heights[-1], heights[:, 0], heights[:, -1]])).max() <= 0.1


def test_the_seed_is_all_that_matters():
    a, b = (patchwork(seed, (1.0,), **GROUND).heights for seed in (1, 2))
    assert (a != b).any()
    patchwork.cache_clear()
    np.testing.assert_array_equal(a, patchwork(1, (1.0,), **GROUND).heights)


def test_the_ground_a_model_gets_is_where_the_map_says():
    terrain = patchwork(3, (0.3, 1.0), **GROUND)
    spec = mujoco.MjSpec()
    spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1])
    terrain.lay(spec, "floor")
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    rng = np.random.default_rng(0)
    rows, columns = terrain.heights.shape
    for row, column in zip(rng.integers(1, rows - 1, 200), rng.integers(1, columns - 1, 200), strict=True):
        x, y = (column - (columns - 1) / 2) * CELL, (row - (rows - 1) / 2) * CELL
        height = 5.0 - mujoco.mj_ray(model, data, [x, y, 5.0], [0, 0, -1.0], None, 1, -1, np.zeros(1, np.int32))
        assert height == pytest.approx(terrain.heights[row, column], abs=1e-6)
        assert terrain.at(np.array([x]), np.array([y]))[0] == terrain.heights[row, column]


def test_fields_lie_in_a_row():
    np.testing.assert_allclose(field_middle(np.array([0, 1, 2]), 3), [-28.0, 0.0, 28.0])
