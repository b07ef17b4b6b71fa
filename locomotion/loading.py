"""Files of one's own: Python files that register robots, recipes or update rules, named by `--load FILE`."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

import envs
from locomotion.errors import UsageError

_loaded: set[Path] = set()


def load_files(paths: Iterable[Path]) -> None:
    """Run files, each once in a process. An exception in one of them keeps its traceback: the bug is the file's.

    Raises:
        UsageError: where there is no such file.
    """
    for path in paths:
        place = path.expanduser().resolve()
        if place in _loaded:
            continue
        if not place.exists():
            raise UsageError(f"--load: there is no file {path}")
        if place.suffix != ".py" or not place.is_file():
            raise UsageError(f"--load takes a Python file (.py), got {path}")
        _loaded.add(place)
        try:
            _run(place)
        except envs.CannotRegister as error:
            _loaded.remove(place)
            raise UsageError(f"{path}: {error}") from error
        except BaseException:
            _loaded.remove(place)
            raise


def _run(place: Path) -> None:
    """Import a file as a module of its own: one of the same name elsewhere is another module."""
    digest = hashlib.sha256(str(place).encode()).hexdigest()[:8]
    name = f"loaded_{place.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and `inspect` look a class's module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
