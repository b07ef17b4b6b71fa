"""What ends learning and is no bug: what a learner cannot learn from, and numbers that have stopped being finite."""


class CannotLearn(ValueError):  # noqa: N818 - as its message reads
    """A learner does not take these spaces, this baseline, this device, or what the environment gives."""


class Diverged(RuntimeError):  # noqa: N818 - as its message reads
    """A learner's numbers are no longer finite; its policy is that of the iteration before."""
