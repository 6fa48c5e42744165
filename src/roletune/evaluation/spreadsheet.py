"""Tables as CSV that a spreadsheet can open safely: a cell that somebody wrote is text and never a formula.

A spreadsheet runs a cell that begins with =, +, -, @ or their full-width forms, also behind blanks; such texts get an
apostrophe in front (OWASP, "CSV injection"). Numbers stay numbers, None is an empty cell, True and False are 1 and 0.
Control characters but line breaks are left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

Cell = str | int | float | None
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FORMULA = re.compile(r"[\s\ufeff\u200b]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def write_table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """The table with its header, rows ending in a newline."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(header)
    for row in rows:
        table.writerow([safe_cell(value) for value in row])
    return out.getvalue()


def safe_cell(value: Cell) -> Cell:
    """The value as it may stand in a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, str):
        return value
    text = _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))  # a lone \r would end the row
    return f"'{text}" if _FORMULA.match(text) or text[:1] in ("\t", "\r", "\n") else text
