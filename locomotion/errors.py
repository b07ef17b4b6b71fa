"""Mistakes of the user's that one sentence can name."""


class UsageError(Exception):
    """Something the user asked for cannot be done; the message names the value and what is accepted instead."""
