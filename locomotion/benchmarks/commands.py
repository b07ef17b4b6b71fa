"""The benchmarks' command lines: each dataclass holds one benchmark's options, checks them and runs it.

`--help` imports this module, so everything heavy is imported by `run`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from envs.registry import GYMNASIUM_TASKS
from locomotion.command_line import Load, Robots, optional, require_at_least_one, require_robots
from locomotion.environments import EVALUATION_STEPS, known_environment
from locomotion.errors import UsageError
from locomotion.runs.rules import RULES, rule_named, rules_on_one_core
from locomotion.tables import print_table
from locomotion.task_options import task_values

MAX_SEED = 2**32 - 1


def require_seeds(first: int, count: int) -> None:
    """Check --first-seed and --seeds.

    Raises:
        UsageError: where there are none, or one is out of range.
    """
    if count < 1 or first < 0:
        raise UsageError(f"--seeds must be at least 1 and --first-seed 0, got {count} and {first}")
    if first + count - 1 > MAX_SEED:
        raise UsageError(f"--first-seed and the --seeds from it on must lie below 2^32, got {first}")


@dataclass(frozen=True)
class Throughput:
    """Steps/s of the worlds: bare physics, ours, EnvPool, Gymnasium's and SB3's vectorisation, interleaved."""

    robots: Robots = tuple(GYMNASIUM_TASKS)
    """Which of the eleven Gymnasium robots."""
    copies: int = 64
    """Copies of each robot."""
    rounds: int = 9
    """Turns of each contender; medians are reported."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""

    def __post_init__(self) -> None:
        require_robots("robots", self.robots)
        require_at_least_one(copies=self.copies, rounds=self.rounds)

    def run(self) -> int:
        """Print the table of the worlds' speed."""
        from locomotion.benchmarks import world_speed
        from locomotion.threads import set_threads

        threads = set_threads(self.threads)
        rows = world_speed.measure_worlds(self.robots, self.copies, threads, self.rounds)
        print_table(rows, world_speed.worlds_table, len(self.robots))
        return 0


@dataclass(frozen=True)
class Training:
    """Steps/s of training: our TRPO, sb3-contrib's with the zoo's settings, and the bare physics, interleaved.

    Ours learns by a process for each core, as `train` does. The bare physics are 64 copies at the model's own step.
    """

    robots: Robots = ("Hopper-v5", "HalfCheetah-v5", "Ant-v5", "Go1", "PickAndPlace")
    """Which robots; sb3-contrib learns those of Gymnasium."""
    rounds: int = 5
    """Turns of each contender; medians are reported."""

    def __post_init__(self) -> None:
        require_robots("robots", self.robots)
        require_at_least_one(rounds=self.rounds)

    def run(self) -> int:
        """Print the table of the learners' speed."""
        from locomotion.benchmarks import training_speed

        rows = training_speed.measure_training(self.robots, self.rounds)
        print_table(rows, training_speed.training_table, len(self.robots))
        return 0


@dataclass(frozen=True)
class Workers:
    """Steps/s of A3C with one worker and with two, interleaved."""

    robots: Robots = ("CartPole", "Hopper-v5")
    """Which robots."""
    rounds: int = 5
    """Turns of each number of workers; medians are reported."""

    def __post_init__(self) -> None:
        require_robots("robots", self.robots)
        require_at_least_one(rounds=self.rounds)

    def run(self) -> int:
        """Print the table of A3C's speed."""
        from locomotion.benchmarks import training_speed

        rows = training_speed.measure_workers(self.robots, self.rounds)
        print_table(rows, training_speed.workers_table, len(self.robots))
        return 0


@dataclass(frozen=True)
class Processes:
    """Steps/s of one policy's training by one, two and more processes, in turns, and what these tell each other."""

    robots: Robots = ("Hopper-v5", "Go1")
    """Which robots."""
    algo: Annotated[str, tyro.conf.arg(metavar="{" + ",".join(rules_on_one_core()) + "}")] = "trpo"
    """Update rule."""
    counts: tuple[int, ...] = (1, 2)
    """Numbers of processes; the others are compared with the first."""
    rounds: int = 3
    """Turns of each number of processes; medians are reported."""

    def __post_init__(self) -> None:
        require_robots("robots", self.robots)
        if self.algo not in rules_on_one_core():
            raise UsageError(f"--algo must be one of {', '.join(rules_on_one_core())}, got {self.algo!r}")
        if not self.counts:
            raise UsageError("--counts must name at least one number of processes")
        require_at_least_one(rounds=self.rounds, counts=min(self.counts))

    def run(self) -> int:
        """Print the table of the numbers of processes."""
        from locomotion.benchmarks import process_speed

        rows = process_speed.measure_processes(self.robots, self.algo, self.counts, self.rounds)
        print_table(rows, process_speed.processes_table, len(self.robots) * len(self.counts))
        return 0


@dataclass(frozen=True)
class TimeSteps:
    """Scores of policies at several steps of the physics, and how deep bodies overlap where they touch."""

    policies: tuple[str, ...] = ("Quadruped", "Biped", "Go1", "Grasp", "PickAndPlace", "RoughTerrain", "StandUp")
    """Shipped policies or folders of runs."""
    timesteps: tuple[float, ...] = ()
    """Steps of the physics, in s; without any, twice, once and half the step of the evaluation."""
    episodes: Annotated[int | None, optional("as on a shipped policy's card, else 100")] = None
    """Episodes of each evaluation."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""
    load: Load = ()

    def __post_init__(self) -> None:
        if not self.policies:
            raise UsageError("--policies must name at least one policy")

    def run(self) -> int:
        """Print the table of the steps of the physics."""
        from locomotion.benchmarks import time_steps
        from locomotion.threads import set_threads

        threads = set_threads(self.threads)
        found = time_steps.usual(self.policies, self.timesteps)
        rows = time_steps.measure_time_steps(found, self.episodes, threads)
        print_table(rows, time_steps.time_steps_table, len(found))
        return 0


@dataclass(frozen=True)
class Race:
    """Seconds of wall clock from the command to a score: our TRPO, and peers with the zoo's settings, in turn.

    Each learner trains in a process of its own, whose start starts the clock; the clock stands while the policy is
    scored. Hopper-v5 and HalfCheetah-v5 take about an hour a seed on two cores, nearly all of it the peers'.
    Finished trainings are not repeated: the same command continues. A figure for each robot is in runs/race/ROBOT.
    """

    robots: Robots = ("Hopper-v5", "HalfCheetah-v5")
    """Which robots."""
    peers: Annotated[str, tyro.conf.arg(metavar="PACKAGE,...")] = "sb3,sb3-contrib"
    """Packages whose learners race too, where the zoo has tuned them: sb3 (PPO), sb3-contrib (TRPO), or '' for none."""
    seeds: int = 1
    """Number of trainings of each learner, one seed each."""
    first_seed: int = 0
    """The first of these seeds."""
    steps: Annotated[int | None, optional("the recipe's")] = None
    """Environment steps of each training, the peers' too."""
    every: int = 20_000
    """Steps between two scorings."""
    peer_threads: int = 1
    """Threads of the peers' torch: more than one are much slower where anything else is running."""
    load: Load = ()

    def __post_init__(self) -> None:
        require_robots("robots", self.robots)
        counts = {"every": self.every, "peer-threads": self.peer_threads, "steps": self.steps}
        require_at_least_one(**{name: count for name, count in counts.items() if count is not None})
        require_seeds(self.first_seed, self.seeds)

    def run(self) -> int:
        """Print the table of the races, and draw a figure of each."""
        from locomotion.benchmarks import race
        from locomotion.benchmarks.race_figure import drawn

        seeds = range(self.first_seed, self.first_seed + self.seeds)
        packages = [name for name in self.peers.split(",") if name]
        line_ups = race.line_up(self.robots, packages, seeds, self.steps, self.every, self.load, self.peer_threads)
        kept = ", and finished trainings are kept: the same command continues"
        print_table(drawn(race.measure_races(line_ups)), race.race_table, len(line_ups), kept)
        return 0


@dataclass(frozen=True)
class Scores:
    """Scores of policies trained from scratch with the recipes, each seed's final policy; and published scores.

    --task.NAME VALUE sets a number of the task, which every robot in --envs must have.
    """

    envs: Robots = ("Hopper-v5", "Walker2d-v5")
    """Which robots."""
    algo: Annotated[str, tyro.conf.arg(metavar="{" + ",".join(RULES) + "}")] = "trpo"
    """Update rule."""
    seeds: int = 5
    """Number of trainings, one seed each; finished ones are not repeated."""
    first_seed: int = 0
    """The first of these seeds."""
    steps: Annotated[int | None, optional("the recipe's")] = None
    """Environment steps of each training; published scores are shown for the same number of steps."""
    evaluation_steps: int = EVALUATION_STEPS
    """Steps after which an evaluation cuts an episode off."""
    peers: Annotated[str, optional("none", "PACKAGE,...")] = ""
    """Packages whose learners are trained too and compared: sb3-contrib (TRPO), sb3 (PPO), or both with a comma."""
    threads: Annotated[int | None, optional("all cores")] = None
    """Threads of the physics."""
    load: Load = ()
    task_words: tyro.conf.Suppress[tuple[str, ...]] = ()
    """The words of `--task.NAME VALUE`, numbers of the task to train and score with."""

    def __post_init__(self) -> None:
        require_robots("envs", self.envs)
        rule_named(self.algo)
        require_at_least_one(**{"evaluation-steps": self.evaluation_steps})
        if self.peers and self.task_words:
            raise UsageError("--peers train the task as it is: name it without --task options")
        require_seeds(self.first_seed, self.seeds)

    def run(self) -> int:
        """Print the scores of our recipes, the published ones, and the comparison with the peers that were named."""
        from locomotion.benchmarks import peer_scores, published, scores
        from locomotion.threads import set_threads

        threads = set_threads(self.threads)
        seeds = range(self.first_seed, self.first_seed + self.seeds)
        tasks = {env: task_values(known_environment(env), self.task_words) for env in self.envs}
        peers = peer_scores.peers_of(self.envs, [name for name in self.peers.split(",") if name], self.algo)
        files = tuple(file.resolve() for file in self.load)
        given: dict[str, Any] = {"tasks": tasks, "load": files, "evaluation_steps": self.evaluation_steps}

        def ours(finished: Sequence[scores.SeedScores]) -> str:
            return f"{scores.scores_table(finished)}\n\n{published.published_table(finished)}"

        def theirs(finished: Sequence[peer_scores.Comparison]) -> str:
            table = scores.scores_table([comparison.theirs for comparison in finished])
            return f"\n\n{table}\n\n{peer_scores.comparison_table(finished)}"

        kept = ", and the runs are kept: the same command continues"
        measured = scores.measure_scores(self.envs, self.algo, seeds, self.steps, threads, **given)
        rows = print_table(measured, ours, len(self.envs), kept)
        if self.peers:
            compared = peer_scores.compare(rows, peers, threads, self.evaluation_steps)
            print_table(compared, theirs, sum(map(len, peers.values())), kept)
        return 0
