"""Rows of text in, one aligned table out.

Guarantees:

* The first row is the header; below it stands a line of dashes as long as the header line.
* Every cell is left-aligned and padded to the width of its column, the last column too: all lines are
  equally long.
* Columns are parted by ``" | "``; there is no line break after the last line.
* Nothing is wrapped, cut or translated: what does not fit into one line is the caller's affair.
"""

from collections.abc import Sequence

__all__ = ["format_table"]

_GAP = " | "


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Align rows of cells as a table.

    Args:
        rows: The header first, then the body. Every row has as many cells as the header; no cell has a line
            break.

    Returns:
        The lines of the table, joined by line breaks.

    Raises:
        ValueError: There is no header, a row has more or fewer cells, or a cell has more than one line.
    """
    if not rows:
        raise ValueError("a table needs a header: got no row at all")
    header, *body = rows
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} cells, the header {len(header)}: {list(row)!r}")
        for cell in row:
            if len(cell.splitlines()) > 1:
                raise ValueError(f"row {number}: a cell is one line of text, got {cell!r}")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(row: Sequence[str]) -> str:
        return _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))

    top = line(header)
    return "\n".join([top, "-" * len(top), *map(line, body)])
