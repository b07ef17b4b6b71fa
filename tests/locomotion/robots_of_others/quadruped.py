"""The quadruped of dm_control's suite: `python scripts/train.py SuiteQuadruped --load quadruped.py`."""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np

import envs
from envs.arguments import Cosine, NotNegative
from envs.task import fall_rate, walking_metrics
from locomotion.runs.recipes import register_recipe


@dataclass(frozen=True)
class Quadruped(envs.Task):
    """Run along x on four legs, each driven at one joint and by two tendons, without turning over."""

    effort_weight: NotNegative = 0.05  # per squared action, against 1 per m/s
    min_upright: Cosine = 0.5  # cosine of the torso's tilt (60 degrees): below it the robot has fallen
    reset_noise: NotNegative = 0.05  # rad: the first joint angles are drawn within it

    model = str(files("dm_control") / "suite" / "quadruped.xml")
    control_dt = 0.02  # s
    remembered = ("position",)

    def model_spec(self):
        spec = super().model_spec()  # it also holds what the suite's other tasks need
        others = [spec.geom(name) for name in ("wall_px", "wall_py", "wall_nx", "wall_ny", "terrain")]
        for element in (*others, spec.body("ball"), spec.site("target"), *spec.sensors):
            spec.delete(element)
        spec.geom("floor").size = (0, 0, 0.5)  # without end
        return spec

    def measure(self, sim):
        return {"position": sim.qpos[:, 0], "upright": 1 - 2 * np.square(sim.qpos[:, 4:6]).sum(axis=1)}  # m, cosine

    def observe(self, sim, now):
        # Height (m), orientation (a quaternion), joint angles (rad); m/s and rad/s; the states of the actuators.
        return {"posture": sim.qpos[:, 2:], "velocity": sim.qvel, "actuators": sim.act}

    def rewards(self, sim, action, now, before):
        speed = (now.position - before.position) / sim.dt
        return {"forward": speed, "effort": -self.effort_weight * np.square(action).sum(axis=1)}

    def terminated(self, sim, now):
        return now.upright < self.min_upright

    def place(self, sim, rngs, seeds):
        sim.qpos[:, 7:] += [rng.uniform(-self.reset_noise, self.reset_noise, sim.model.nq - 7) for rng in rngs]

    def track(self, sim, action, now, before):
        return {"distance": now.position - before.position}  # m

    def metrics(self, episodes):
        return fall_rate(episodes) | walking_metrics(episodes)


envs.register("SuiteQuadruped", Quadruped)
register_recipe("SuiteQuadruped", "trpo", num_envs=64, n_steps=64, gamma=0.99, log_std_init=-0.5, stagger=True)
