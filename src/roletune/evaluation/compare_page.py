"""A comparison for readers: in words, as one HTML page in the manner of the report, and as rows of a table.

The page holds no script and asks for nothing; it shows the questions on which the checks disagree most, and the JSON
beside it holds all of them.
"""

from __future__ import annotations

from typing import Any

from roletune.evaluation import templating
from roletune.evaluation.judge_free import BY_HAND, LEAKS
from roletune.evaluation.spreadsheet import Cell, write_table
from roletune.records import ComparedReply, Comparison, Estimate, PairedDifference

SHOWN = 40  # questions on the page
COLUMNS = (
    *("area", "figure", "entrant", "value", "low", "high", "n", "unscored"),
    *("against", "difference", "ci_low", "ci_high", "p", "p_holm"),
)
_UNPAIRED: list[Cell] = [None] * 6


def render_words(comparison: Comparison) -> list[str]:
    """For each entrant, where it is better and worse than the one all are compared with; leaks first."""
    template = templating.text().get_template("compare.txt.jinja")
    told = [
        template.render(
            name=entrant.name,
            comparison=comparison,
            worse=_of(comparison, entrant.name, "worse"),
            better=_of(comparison, entrant.name, "better"),
            leaks=_leaks(comparison, entrant.name),
            estimates=_estimates(comparison),
        )
        for entrant in comparison.entrants
        if entrant.name != comparison.against
    ]
    return [" ".join(text.split()) for text in told]


def figure_name(figure: str) -> str:
    """A figure as readers are told of it: a check by what it means that a reply passes it."""
    words: Any = templating.text().get_template("words.jinja").module
    return str(words.passes.get(figure, figure))


def render_page(comparison: Comparison) -> str:
    """The page as text; write it as UTF-8."""
    return (
        templating.html()
        .get_template("compare.html.jinja")
        .render(
            comparison=comparison,
            verdict=render_words(comparison),
            differences={(row.figure, row.entrant): row for row in comparison.differences},
            shown=shown_replies(comparison),
            place={entrant.name: f"c{k % 6}" for k, entrant in enumerate(comparison.entrants)},
        )
    )


def render_csv(comparison: Comparison) -> str:
    """A row for each figure and entrant; differences stand beside the figure they are of."""
    pairs = {(row.figure, row.entrant): row for row in comparison.differences}
    rows: list[list[Cell]] = []
    for figure in comparison.figures:
        for name, found in figure.estimates.items():
            pair = pairs.get((figure.figure, name))
            said: list[Cell] = [figure.area, figure.figure, name, found.value, found.low, found.high, found.n]
            paired: list[Cell] = (
                [pair.against, pair.difference, pair.ci_low, pair.ci_high, pair.p, pair.p_holm] if pair else []
            )
            rows.append([*said, figure.unscored[name], *(paired or _UNPAIRED)])
    return write_table(COLUMNS, rows)


def shown_replies(comparison: Comparison) -> list[ComparedReply]:
    """Those that more than one answered, the ones on which the checks disagree most first."""
    several = [reply for reply in comparison.replies if len(reply.replies) > 1]
    return sorted(several, key=_disagreement, reverse=True)[:SHOWN]


def _disagreement(reply: ComparedReply) -> int:
    found = [set(reply.found.get(name, ())) for name in reply.replies]
    return len({check for one in found for check in one if not all(check in other for other in found)})


def _of(comparison: Comparison, entrant: str, direction: str) -> list[PairedDifference]:
    found = [row for row in comparison.differences if row.entrant == entrant and row.direction == direction]
    return sorted(found, key=lambda row: row.p)


def _leaks(comparison: Comparison, entrant: str) -> PairedDifference | None:
    """The difference in leaks that is to be told first: by hand where somebody counted, else the first one."""
    areas = {figure.figure: figure.area for figure in comparison.figures}
    found = [row for row in comparison.differences if row.entrant == entrant and areas[row.figure] == LEAKS.area]
    found = [row for row in found if row.direction]
    return next((row for row in found if row.figure == BY_HAND), found[0] if found else None)


def _estimates(comparison: Comparison) -> dict[str, tuple[str, dict[str, Estimate]]]:
    return {figure.figure: (figure.unit, figure.estimates) for figure in comparison.figures}
