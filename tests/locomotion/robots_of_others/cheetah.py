"""The cheetah of dm_control's suite: `python scripts/train.py SuiteCheetah --load cheetah.py`."""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np

import envs
from envs.arguments import Count, NotNegative, Positive
from envs.task import fall_rate, walking_metrics
from locomotion.runs.recipes import register_recipe


@dataclass(frozen=True)
class Cheetah(envs.Task):
    """Run along x on two legs, in a vertical plane, without turning over."""

    effort_weight: NotNegative = 0.1  # per squared action, against 1 per m/s
    max_pitch: Positive = 1.2  # rad, of the torso from horizontal: beyond it the robot has fallen
    reset_noise: NotNegative = 0.1  # m, rad, m/s, rad/s: each number of the first state is drawn within it
    episode_steps: Count = 500  # of 0.02 s

    model = str(files("dm_control") / "suite" / "cheetah.xml")
    control_dt = 0.02  # s
    remembered = ("position",)

    def measure(self, sim):
        return {"position": sim.qpos[:, 0], "pitch": sim.qpos[:, 2]}  # m along x, rad

    def observe(self, sim, now):
        return {
            "height": sim.qpos[:, 1],  # m, of the torso above its first one
            "pitch": now.pitch,
            "joint_angles": sim.qpos[:, 3:],  # rad
            "velocity": sim.qvel,  # m/s and rad/s, in the order of the positions
        }

    def rewards(self, sim, action, now, before):
        speed = (now.position - before.position) / sim.dt
        return {"forward": speed, "effort": -self.effort_weight * np.square(action).sum(axis=1)}

    def terminated(self, sim, now):
        return np.abs(now.pitch) > self.max_pitch

    def place(self, sim, rngs, seeds):
        sim.qpos[:] += [rng.uniform(-self.reset_noise, self.reset_noise, sim.model.nq) for rng in rngs]
        sim.qvel[:] = [rng.uniform(-self.reset_noise, self.reset_noise, sim.model.nv) for rng in rngs]

    def track(self, sim, action, now, before):
        return {"distance": now.position - before.position}  # m

    def metrics(self, episodes):
        return fall_rate(episodes) | walking_metrics(episodes)


envs.register("SuiteCheetah", Cheetah)
rollout = {"num_envs": 16, "n_steps": 128, "gamma": 0.99, "gae_lambda": 0.95, "stagger": True}
register_recipe("SuiteCheetah", "trpo", **rollout, target_kl=0.08, backtrack=0.8, log_std_init=-1.0, steps=2_000_000)
