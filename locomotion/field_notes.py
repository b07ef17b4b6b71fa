"""The meaning of a dataclass's fields, as its source has it: the text of `--help` and of the robots' pages."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import io
import itertools
import sys
import tokenize
import typing
from collections.abc import Collection, Mapping
from typing import Annotated, Any

import tyro


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
    meanings = field_notes(cls) if notes else {}
    fields = []
    for name in [one.name for one in dataclasses.fields(cls) if only is None or one.name in only]:
        help_text = tyro.conf.arg(help=" ".join(meanings.get(name, "").split()))
        fields.append((name, Annotated[hints[name], help_text], dataclasses.field(default=defaults[name])))
    group = dataclasses.make_dataclass(cls.__name__, fields, frozen=True, kw_only=True)
    group.__doc__ = (inspect.getdoc(cls) or cls.__name__).split("\n")[0]
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
    classes, comments = _module_source(cls.__module__)
    definition = classes.get(cls.__name__)
    if definition is None:  # made at run time
        return {}
    notes = {}
    for statement, following in itertools.pairwise([*definition.body, None]):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            note = _docstring(following) or comments.get(statement.end_lineno or 0)
            if note:
                notes[statement.target.id] = note
    return notes


@functools.cache
def _module_source(module: str) -> tuple[dict[str, ast.ClassDef], dict[int, str]]:
    """Return a module's classes by name, and its comments by line."""
    try:
        source = inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):  # made at run time
        return {}, {}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}, comments


def _docstring(statement: ast.stmt | None) -> str | None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return inspect.cleandoc(str(statement.value.value))
    return None
