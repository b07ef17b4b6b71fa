"""The engine without idle work: the same results, to the last bit."""

import mujoco
import numpy as np
import pytest

import envs
from envs.engine import CONTACT, ISLAND, compile_model, idle_stages, untimed
from envs.registry import make_task

BALL = """
<mujoco>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 1"{floor}/>
    <body pos="0 0 {height}"><freejoint/><geom size="0.1"{ball}/></body>
    {more}
  </worldbody>
  {last}
</mujoco>
"""
GHOST = ' contype="0" conaffinity="0"'


def ball(floor="", ball="", more="", last="", height=0.2):
    return mujoco.MjSpec.from_string(BALL.format(floor=floor, ball=ball, more=more, last=last, height=height))


@pytest.mark.parametrize("robot", ["Ant-v5", "InvertedDoublePendulum-v5", "Pusher-v5", "Go1", "PickAndPlace"])
def test_stages_that_are_left_out_change_no_bit(robot):
    task = make_task(robot)
    states = []
    for model in (compile_model(task.model_spec()), task.model_spec().compile()):
        data = mujoco.MjData(model)
        data.qpos[:] += 0.05 * np.random.default_rng(0).standard_normal(model.nq)
        data.ctrl[:] = np.random.default_rng(1).uniform(-1.0, 1.0, model.nu)
        mujoco.mj_step(model, data, 200)
        states.append(np.concatenate([data.qpos, data.qvel, data.qacc_warmstart, data.cfrc_ext.ravel()]))
    assert np.abs(states[0]).max() > 0.0
    np.testing.assert_array_equal(*states)


@pytest.mark.parametrize(
    ("spec", "flags"),
    [
        (ball(), ISLAND),
        (ball(ball=GHOST), ISLAND | CONTACT),
        (ball(floor=GHOST, ball=' contype="2" conaffinity="1"'), ISLAND | CONTACT),
        (ball(floor=' contype="2" conaffinity="0"', ball=' contype="0" conaffinity="2"'), ISLAND),
        (ball(ball=f' name="b"{GHOST}', last='<contact><pair geom1="floor" geom2="b"/></contact>'), ISLAND),
        (ball(more='<body pos="1 0 1"><freejoint/><geom size="0.1"/></body>'), 0),
        (ball(last='<option><flag sleep="enable"/></option>'), 0),
    ],
    ids=["touching", "ghost", "masks-apart", "one-sided-mask", "pair", "two-trees", "sleep"],
)
def test_a_stage_is_left_out_only_where_it_is_idle(spec, flags):
    assert idle_stages(spec.compile()) == flags


def test_flags_of_the_model_itself_stay():
    spec = ball(last='<option><flag gravity="disable"/></option>')
    assert compile_model(spec).opt.disableflags == mujoco.mjtDisableBit.mjDSBL_GRAVITY.value | ISLAND


def timed(model):
    """Whether the engine times a step."""
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data)
    return data.timer[mujoco.mjtTimer.mjTIMER_STEP].duration > 0.0


def test_the_engine_times_itself_outside_the_context_alone():
    model = ball().compile()
    assert timed(model)
    with untimed:
        assert not timed(model)
        with untimed:
            pass
        assert not timed(model)
    assert timed(model)
    with pytest.raises(KeyError), untimed:
        raise KeyError
    assert timed(model)


def test_the_callers_own_clock_comes_back():
    model = ball().compile()
    mujoco.set_mjcb_time(lambda: 7.0)
    try:
        with untimed:
            pass
        assert mujoco.get_mjcb_time()() == 7.0
        assert not timed(model)  # by a clock that stands still
    finally:
        mujoco.set_mjcb_time(None)
    assert timed(model)


def test_robots_are_stepped_untimed():
    world = envs.make_vec("Ant-v5", 2).world  # whose MjData MuJoCo keeps
    world.step(np.zeros((2, 8), np.float32))
    timer = world.batch.get_data(0).timer[mujoco.mjtTimer.mjTIMER_STEP]
    assert timer.number > 0
    assert timer.duration == 0.0
