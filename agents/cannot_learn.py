"""The refusal of what a learner cannot learn from, apart from mistakes in its arguments and bugs in its code."""


class CannotLearn(ValueError):  # noqa: N818 - as its message reads
    """A learner does not take these spaces, this baseline or this device."""
