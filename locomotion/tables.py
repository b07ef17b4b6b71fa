"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def lines_of(rows: Iterable[Sequence[object]]) -> str:
    """Return rows of cells, the rule under the head being one of them, as lines; an empty row is an empty line."""
    return "\n".join("| " + " | ".join(map(str, row)) + " |" if row else "" for row in rows)
