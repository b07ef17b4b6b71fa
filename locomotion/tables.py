"""Tables in Markdown."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from locomotion.interrupts import keeping

Row = TypeVar("Row")

# 12, -4.9, 1,024, +3197, 87.5%, 1e-05, nan; also with a standard error: 1002 +- 1.
NUMBER = re.compile(r"[+-]?(\d[\d,]*(\.\d+)?(e[+-]?\d+)?|nan|inf)%?( \+- [\d.,]+)?")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table, with columns of numbers aligned to the right (empty cells aside)."""
    cells = [[str(cell) for cell in row] for row in rows]
    columns = [[row[i] for row in cells if row[i]] for i in range(len(head))]
    rule = ["---:" if column and all(map(NUMBER.fullmatch, column)) else "---" for column in columns]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *cells))


def print_table(rows: Iterable[Row], table: Callable[[Sequence[Row]], str], total: int, kept: str = "") -> list[Row]:
    """Print the table of rows that take long to make; where that is stopped or fails, of those that are finished.

    Args:
        rows: one after the other.
        table: of finished rows.
        total: their number.
        kept: said besides the number of finished rows, where it is stopped.
    """
    finished: list[Row] = []
    with keeping(lambda: f"stopped; {len(finished)} of {total} rows are finished{kept}"):
        try:
            finished.extend(rows)
        finally:
            if finished:
                print(table(finished), flush=True)
    return finished
