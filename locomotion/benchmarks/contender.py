"""A contender of a race: our learner or a peer's, with a robot and a seed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locomotion.benchmarks.peers import Peer
    from locomotion.runs.settings import Settings

EPISODES = 20  # of each asking


@dataclass(frozen=True)
class Contender:
    """A learner with a robot and a seed."""

    env: str  # canonical id
    package: str | None  # of a peer; None: ours, TRPO by the robot's recipe
    steps: int
    seed: int
    every: int  # steps between two askings
    load: tuple[str, ...] = ()  # files that register the robot
    peer_threads: int = 1  # of torch; ours has one in each process

    @property
    def name(self) -> str:
        """Learner and whose it is, for a reader."""
        return "ours TRPO" if self.package is None else self.peer().name

    @property
    def folder_name(self) -> str:
        """The name of its folder."""
        learner = "ours-trpo" if self.package is None else f"{self.peer().folder_name}-{self.peer_threads}-threads"
        return f"{learner}-{self.steps}-steps-seed{self.seed}"

    def peer(self) -> Peer:
        """Return the peer, with the zoo's settings."""
        from locomotion.benchmarks.peers import zoo_peer

        assert self.package is not None
        return zoo_peer(self.package, self.env)

    def ours(self, out: Path | None = None) -> Settings:
        """Return the settings of our training: those of `train`, without what others do not write either."""
        from locomotion.runs.parsing import parse

        words = [self.env, "--steps", str(self.steps), "--seed", str(self.seed), "--track", "off"]
        words += ["--evaluations", "0", "--final-episodes", "1", "--video-seconds", "0"]
        words += [word for file in self.load for word in ("--load", file)]
        return parse([*words, *(["--out", str(out)] if out else [])])

    def settings(self) -> dict[str, Any]:
        """Return all that the outcome depends on, as JSON values."""
        from envs.engine import available_cores

        learner = self.ours().as_json() if self.package is None else asdict(self.peer())
        asking = {"episodes": EPISODES, "cores": available_cores()}
        values: dict[str, Any] = json.loads(json.dumps(asdict(self) | asking | {"learner": learner}))
        return values

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages."""
        from locomotion.policies.card import installed_versions

        return installed_versions() | ({} if self.package is None else {self.package: self.peer().version})
