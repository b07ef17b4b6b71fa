"""The meaning of a dataclass's fields, as its source has it: the text of `--help` and of the robots' pages."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import itertools
import textwrap
import tokenize
import typing
from collections.abc import Collection, Mapping
from typing import Any


def option_group(
    cls: type, defaults: Mapping[str, Any], only: Collection[str] | None = None, *, notes: bool = True
) -> type:
    """Return a dataclass of the fields of another one, such as tyro makes a group of options of.

    Args:
        cls: the dataclass; its docstring's first line introduces the group.
        defaults: of its fields.
        only: which of them; by default all.
        notes: whether `--help` is asked for, and with it the meaning of the fields.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    names = [one.name for one in dataclasses.fields(cls) if only is None or one.name in only]
    group = dataclasses.make_dataclass(
        cls.__name__,
        [(name, hints[name], dataclasses.field(default=defaults[name])) for name in names],
        frozen=True,
        kw_only=True,
    )
    group.__doc__ = (inspect.getdoc(cls) or cls.__name__).split("\n")[0]
    if notes:
        meanings = field_notes(cls)
        lines = [f"    {name}: {' '.join(meanings.get(name, '').split())}" for name in names]
        group.__doc__ = "\n".join([group.__doc__, "", "Args:", *lines])
    return group


def field_notes(cls: type) -> dict[str, str]:
    """Return what a class and its bases say of each field: the docstring below it, or the comment at its line's end.

    A field that says nothing of itself has the note of the base's field that it overrides.
    """
    notes: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            notes |= _own_notes(base)
    return notes


def _own_notes(cls: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):  # made at run time
        return {}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.ClassDef)
    notes = {}
    for statement, following in itertools.pairwise([*definition.body, None]):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            note = _docstring(following) or comments.get(statement.end_lineno or 0)
            if note:
                notes[statement.target.id] = note
    return notes


def _docstring(statement: ast.stmt | None) -> str | None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return inspect.cleandoc(str(statement.value.value))
    return None
