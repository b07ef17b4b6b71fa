"""Tables in Markdown."""

import re
from collections.abc import Iterable, Sequence

# 12, -4.9, 1,024, +3197, 87.5%, 1e-05, nan; also with a standard error: 1002 +- 1.
NUMBER = re.compile(r"[+-]?(\d[\d,]*(\.\d+)?(e[+-]?\d+)?|nan|inf)%?( \+- [\d.,]+)?")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table, with columns of numbers aligned to the right (empty cells aside)."""
    cells = [[str(cell) for cell in row] for row in rows]
    columns = [[row[i] for row in cells if row[i]] for i in range(len(head))]
    rule = ["---:" if column and all(map(NUMBER.fullmatch, column)) else "---" for column in columns]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *cells))
