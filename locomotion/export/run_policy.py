"""Run an exported policy on its robot in MuJoCo: python run_policy.py [--headless] [--seconds 20] [--command 0.5 0 0].

deploy.yaml says what the robot observes and what its actions do, policy.onnx is the policy, model.mjb the robot, or
model.xml for another version of MuJoCo. Needed are numpy, onnxruntime, mujoco and pyyaml alone.
"""

import argparse
import time
from pathlib import Path

import mujoco
import numpy as np
import onnxruntime
import yaml

FUNCTIONS = {"identity": np.positive, "sin": np.sin, "cos": np.cos}
DOWN = np.array([0.0, 0.0, -1.0]), np.array([1, 0, 0, 0, 0, 0], np.uint8), 1, -1, np.zeros(1, np.int32)  # of rays


class Robot:
    """A robot in MuJoCo, the policy that moves it, and the present command."""

    def __init__(self, folder):
        self.deploy = yaml.safe_load((folder / "deploy.yaml").read_text())
        same = mujoco.__version__ == self.deploy["mujoco"]
        read = mujoco.MjModel.from_binary_path if same else mujoco.MjModel.from_xml_path
        self.model = read(str(folder / ("model.mjb" if same else "model.xml")))
        self.data = mujoco.MjData(self.model)
        self.policy = onnxruntime.InferenceSession(folder / "policy.onnx", providers=["CPUExecutionProvider"])
        self.command = np.array([one["default"] for one in self.deploy["commands"].values()])
        self.reset()

    def reset(self):
        """Begin an episode: the robot at its start, the memory empty."""
        mujoco.mj_resetData(self.model, self.data)
        for field, values in self.deploy["start"].items():
            getattr(self.data, field).flat = values
        mujoco.mj_forward(self.model, self.data)
        self.forget()

    def forget(self):
        """Clear the policy's memory and the last action."""
        self.memory = {one.name: np.zeros((1, one.shape[1]), np.float32) for one in self.policy.get_inputs()[1:]}
        self.action = np.zeros(self.deploy["action_size"])

    def observe(self):
        """Return the observation, part after part."""
        return np.concatenate([self.part(one["source"], one) for one in self.deploy["observations"].values()])

    def part(self, source, change):
        """Return numbers from their source, scaled, moved and clipped."""
        numbers = np.ravel(SOURCES[source["kind"]](self, source)) * change.get("scale", 1.0)
        return np.clip(numbers + change.get("offset", 0.0), *(change.get("clip") or (-np.inf, np.inf)))

    def act(self, observation):
        """Return the controls, joint targets or torques, for an observation; remember it and the action."""
        results = self.policy.run(None, {"obs": observation[None].astype(np.float32), **self.memory})
        outputs = {one.name: values for one, values in zip(self.policy.get_outputs(), results, strict=True)}
        self.memory = {name: outputs[name.replace("_in", "_out")] for name in self.memory}
        self.action = outputs["actions"][0].astype(float)
        (rule,) = self.deploy["actions"].values()
        gain = np.sum(self.part(rule["gain"], rule["gain"])) if "gain" in rule else 1.0
        target = gain * np.array(rule["scale"]) * self.action[rule["index"]] + rule["offset"]
        target = np.clip(target, *np.transpose(rule["clip"]))
        if "measured" in rule:  # targets that move on, but not far from what they move
            near = [self.part(rule["measured"], {}) + side * np.array(rule["lead"]) for side in (-1, 1)]
            target = np.clip(np.clip(self.data.ctrl + target, *near), *self.model.actuator_ctrlrange.T)
        return target

    def advance(self):
        """Take the physics steps of a control period."""
        mujoco.mj_step(self.model, self.data, self.deploy["decimation"])
        if self.deploy["contact_forces"]:
            mujoco.mj_rnePostConstraint(self.model, self.data)

    def base(self):
        """Return the rotation matrix (3, 3) of the first joint, which is free."""
        matrix = np.empty(9)
        mujoco.mju_quat2Mat(matrix, self.data.qpos[3:7])
        return matrix.reshape(3, 3)

    def heights_over(self, places, source):
        """Return how high it is above the ground at places ahead of it and to its left (P, 2), in m."""
        x, y = (ahead := self.base()[:2, 0]) / np.linalg.norm(ahead)
        eyes = self.data.qpos[:3] + np.c_[np.array(places) @ [[x, y], [-y, x]], np.full(len(places), source["above"])]
        ways = np.array([mujoco.mj_ray(self.model, self.data, eye, *DOWN) for eye in eyes])
        return np.where(ways < 0.0, source["abyss"], ways) - source["above"]


def clock(robot, source):
    """Return sine and cosine of a gait's phase, or zeros while the command is to stand."""
    angle = 2 * np.pi * (source["phase"] + source["frequency"] * robot.data.time)
    return np.array([np.sin(angle), np.cos(angle)]) * (np.abs(robot.command) > source["still"]).any()


def relative(robot, source):
    """Return position and x axis of a body, each (3,), in the frame of another one."""
    of, body = robot.data.body(source["of"]), robot.data.body(source["body"])
    return np.array([of.xpos - body.xpos, of.xmat[::3]]) @ body.xmat.reshape(3, 3)


# (robot, source) -> its numbers, by the source's kind
SOURCES = {
    "field": lambda r, s: FUNCTIONS[s.get("function", "identity")](np.ravel(getattr(r.data, s["field"]))[s["index"]]),
    "joined": lambda r, s: np.concatenate([r.part(one, one) for one in s["parts"]]),
    "sum": lambda r, s: sum(r.part(one, one) for one in s["parts"]),
    "last_action": lambda r, s: r.action,
    "command": lambda r, s: r.command,
    "gait_clock": clock,
    "base_lin_vel": lambda r, s: r.data.qvel[:3] @ r.base(),
    "projected_gravity": lambda r, s: -r.base()[2],
    "base_height": lambda r, s: r.heights_over([(0.0, 0.0)], s),
    "height_scan": lambda r, s: r.heights_over([(0.0, 0.0)], s) - r.heights_over(s["points"], s),
    "touching": lambda r, s: [sum(np.any(r.data.sensor(one).data) for one in group) for group in s["sensors"]],
    "position_in_body": lambda r, s: relative(r, s)[0],
    "angle_in_body": lambda r, s: [(turned := complex(*relative(r, s)[1, :2]) ** s["times"]).real, turned.imag],
}


def main():
    """Run the policy; print what became of the robot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headless", action="store_true", help="without MuJoCo's viewer, as fast as it goes")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the robot's time (default: 20)")
    parser.add_argument("--command", type=float, nargs="+", help="numbers for the commands, as deploy.yaml has them")
    wanted = parser.parse_args()
    robot = Robot(Path(__file__).resolve().parent)
    robot.command = robot.command if wanted.command is None else np.array(wanted.command)
    if len(robot.command) != len(robot.deploy["commands"]) or not np.isfinite([*robot.command, wanted.seconds]).all():
        wrong = f"{robot.command.tolist()} and {wanted.seconds}"
        parser.error(f"--command takes {len(robot.deploy['commands'])} finite numbers, --seconds one, got {wrong}")
    data, viewer, begun, start = robot.data, None, time.perf_counter(), robot.data.subtree_com[0].copy()
    if not wanted.headless:
        import mujoco.viewer

        viewer = mujoco.viewer.launch_passive(robot.model, data)
    while data.time < wanted.seconds - 1e-9 and (viewer is None or viewer.is_running()):
        data.ctrl[:] = robot.act(robot.observe())
        robot.advance()
        if viewer is not None:
            viewer.sync()
            time.sleep(max(0.0, data.time - (time.perf_counter() - begun)))
    print(f"{robot.deploy['task']}: {data.time:.2f} s; command: {robot.command.tolist() or 'none'}")
    (x, y, _), height = data.subtree_com[0] - start, data.subtree_com[0, 2]
    print(f"moved {x:.2f} m along x, {y:.2f} m along y; the centre of mass is {height:.2f} m high")


if __name__ == "__main__":
    main()
