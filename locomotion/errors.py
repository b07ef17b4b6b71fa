"""The user's mistakes."""


class UsageError(Exception):
    """A request that cannot be fulfilled; the message names the value and what is accepted."""
