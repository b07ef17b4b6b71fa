"""How every script speaks to its user: results on stdout, one sentence for a mistake, exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from locomotion.errors import UsageError


def run(main: Callable[[list[str]], int | None]) -> NoReturn:
    """Call `main` with the command line's arguments and exit with the code it returns (None: 0).

    A UsageError is printed as one sentence, with exit code 2; Ctrl-C exits with 130.
    """
    try:
        sys.exit(main(sys.argv[1:]) or 0)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
