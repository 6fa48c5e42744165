"""The templates of the report, and how figures are written in them.

`html()` escapes everything it is given: replies and source texts are hostile until proven otherwise. `text()` is for
the verdict and the Markdown summary, where `cell` makes a text safe for a table. All wording is in `templates/`.
"""

from __future__ import annotations

import html as html_escape
import math
import re
from collections.abc import Sequence
from functools import cache

import jinja2

from roletune.engine.progress import duration as long_duration


@cache
def html() -> jinja2.Environment:
    """Environment of the HTML report, everything escaped."""
    return environment(autoescape=True)


@cache
def text() -> jinja2.Environment:
    """Environment of plain text and Markdown, nothing escaped but by `cell`."""
    return environment(autoescape=False)


def environment(*, autoescape: bool, packages: Sequence[str] = ("roletune.evaluation",)) -> jinja2.Environment:
    """An environment with these filters, over the templates of `packages`; the first that has one wins."""
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package) for package in packages]),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    for function in (figure, count, percent, duration, size, signed, cell):
        made.filters[function.__name__] = function
    made.filters["exp"] = math.exp
    return made


def figure(value: float, digits: int = 3) -> str:
    """`digits` significant digits without an exponent: 6.61, 12.3, 1,234, 0.783."""
    if value == 0:
        return "0"
    # The exponent after rounding: 9.999 is 10.0 in three digits, not 10.00.
    exponent = int(f"{value:.{digits - 1}e}".split("e")[1])
    return f"{value:,.{max(0, digits - 1 - exponent)}f}"


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign, a true minus: −0.241, +0.0131."""
    return f"{'−' if value < 0 else '+'}{figure(abs(value), digits)}"


def count(value: float) -> str:
    """A whole number with thousands apart: 12,345."""
    return f"{value:,.0f}"


def percent(share: float) -> str:
    """A share in whole percent, and never 0 % or 100 % unless it is exactly that."""
    rounded = round(100 * share)
    if rounded == 100 and share < 1:
        return "> 99 %"
    return "< 1 %" if rounded == 0 and share > 0 else f"{rounded} %"


def duration(seconds: float) -> str:
    """`0.4 s`, `42 s`, `3 min 5 s`."""
    return f"{seconds:.1f} s" if seconds < 9.95 else long_duration(seconds)


def size(value: float) -> str:
    """Bytes in the largest decimal unit that leaves a figure before the point: 3.4 GB."""
    for unit in ("B", "kB", "MB"):
        if abs(value) < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" else f"{figure(value, 2)} {unit}"
        value /= 1000
    return f"{value:,.1f} GB"


def cell(value: str) -> str:
    """Text as it stands, for a cell of a Markdown table: no HTML, no column marks, no links, one line."""
    escaped = html_escape.escape(" ".join(value.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", escaped)
