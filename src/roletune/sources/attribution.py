"""`ATTRIBUTION.md`: what the character is made from, whose it is, and under which licence.

Whoever passes on the data or the adapter passes on this page. A source's own words are escaped: they stay words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from roletune.sources.cited import Cited
from roletune.sources.licences import UNKNOWN, allows_commercial_use, conflicts, most_restrictive


@dataclass(frozen=True)
class Use:
    """What was taken from one source; `credits` are what its text itself names as its sources."""

    cited: Cited
    passages: int = 0
    dialogues: int = 0
    credits: tuple[str, ...] = ()


def stated_licences(uses: Sequence[Use]) -> list[str]:
    """The licence of every source that gave something; one's own text needs none, anybody else's is unknown without."""
    return [
        use.cited.licence.strip() or UNKNOWN
        for use in uses
        if (use.passages or use.dialogues) and (use.cited.licence.strip() or use.cited.origin == "authentic")
    ]


def render_attribution(name: str, uses: Sequence[Use]) -> str:
    """The page about a character called `name`."""
    licences = stated_licences(uses)
    rows = [_row(use) for use in uses if use.passages or use.dialogues]
    parts = [
        f"# Sources of {_escaped(name)}",
        "\n".join(
            ["| source | version | licence | origin | passages | dialogues |", "|---|---|---|---|---|---|", *rows]
        ),
    ]
    if licences:
        parts.append(f"The most restrictive licence is that of the whole: **{_escaped(most_restrictive(licences))}**.")
    if not allows_commercial_use(licences):
        parts.append("Commercial use is not allowed, or it is not known whether it is.")
    parts += [_escaped(warning) for warning in conflicts(licences)]
    credits = list(dict.fromkeys(credit for use in uses for credit in use.credits if credit))
    if credits:
        parts.append("\n".join(["The texts name as their sources:", "", *(f"- {_escaped(each)}" for each in credits)]))
    return "\n\n".join(parts) + "\n"


def _row(use: Use) -> str:
    cited = use.cited
    name = _escaped(cited.name) + (f" (<{_url(cited.url)}>)" if cited.url else "")
    version = ", ".join(filter(None, [f"revision {cited.revision}" if cited.revision else "", cited.date]))
    cells = [name, _escaped(version), _escaped(cited.licence), cited.origin, str(use.passages), str(use.dialogues)]
    return f"| {' | '.join(cells)} |"


def _url(url: str) -> str:
    return re.sub(r"[\s<>|]", lambda match: f"%{ord(match[0]):02X}", url)


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
