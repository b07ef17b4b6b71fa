"""How a command begins and ends: signals are answered from its first import on, mistakes told in one sentence.

Scripts import this module first, so it imports nothing that takes long.
"""

import os
import re
import sys
import warnings
from collections.abc import Callable
from typing import NoReturn

from agents.cannot_learn import CannotLearn
from locomotion.errors import REFUSALS, UsageError
from locomotion.interrupts import answered, ending
from locomotion.streams import on_one_line, outlive_readers

COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # Gymnasium's warnings have them


def run(main: Callable[[list[str]], int | None]) -> NoReturn:
    """Call `main` with the command line's arguments and exit with the code it returns (None: 0).

    A UsageError, what a learner cannot learn from, what a disk refuses, or a mistake of a Task that shows late is
    printed as one sentence, with exit code 2; a warning of Python's is one sentence, too. Ctrl-C exits with 130,
    SIGTERM with 143, after a line that says what is kept. Output without a reader ends nothing.
    """
    warnings.formatwarning = lambda message, *_, **__: f"warning: {on_one_line(COLOURS.sub('', str(message)))}\n"
    outlive_readers()
    try:
        os.getcwd()
    except FileNotFoundError:  # of which libraries make crashes
        refuse("the working folder has been deleted; change to one that exists")
    try:
        with answered(command=True):
            code = main(sys.argv[1:]) or 0
            sys.stdout.flush()
            sys.exit(code)
    except KeyboardInterrupt as stopped:
        sys.exit(ending(stopped))
    except (UsageError, CannotLearn) as error:
        refuse(str(error))
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        refuse(f"{error.filename or 'the output'}: {error.strerror}")
    except Exception as error:
        from envs import InvalidTask  # here, because it imports MuJoCo

        if not isinstance(error, InvalidTask):
            raise
        refuse(str(error))


def refuse(sentence: str) -> NoReturn:
    """Print what is wrong, and exit."""
    print(f"error: {on_one_line(sentence)}", file=sys.stderr)
    sys.exit(2)
