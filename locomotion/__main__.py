"""The console command: `locomotion VERB ...`, or `python -m locomotion VERB ...`."""

from __future__ import annotations

import sys

from locomotion.errors import UsageError
from locomotion.launch import run


def dispatch(arguments: list[str]) -> int:
    """Run the verb that a command line begins with; return its exit code."""
    from locomotion.commands import VERBS  # here, so that Ctrl-C is answered while they are imported

    verb, *others = arguments or ["--help"]
    if verb in ("-h", "--help"):
        width = max(map(len, VERBS))
        print("usage: locomotion VERB ...   (locomotion VERB --help lists a verb's options)\n")
        print("\n".join(f"  {name:<{width}}  {(act.__doc__ or '').rstrip('.')}" for name, act in VERBS.items()))
        return 0
    if verb not in VERBS:
        raise UsageError(f"unknown verb {verb!r}; there are {', '.join(VERBS)}")
    sys.argv = [f"locomotion {verb}", *others]
    return VERBS[verb](others)


def main() -> None:
    """Be the console command."""
    run(dispatch)


if __name__ == "__main__":
    main()
