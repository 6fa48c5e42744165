"""The report as one HTML file: no script, no outside request, light and dark, on a phone and on a laptop.

Everything a model or a source wrote is escaped; a content security policy in the page forbids scripts and requests on
top of that. This module arranges the figures, `templates/report.html.jinja` and its parts lay them out.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from roletune.evaluation import templating
from roletune.evaluation.areas import areas
from roletune.evaluation.examples import examples
from roletune.evaluation.plots import NARROW, WIDE, Canvas, learning_plot, paired_plot, ratio_plot
from roletune.evaluation.report import outcome_of
from roletune.evaluation.report_tables import report_tables
from roletune.evaluation.style import NO_WARNING, shown_checks
from roletune.records import CONTESTANTS, Finding, Flaw, Reply, Report

RATIO = Canvas(320, 64, 10, 10, 22, 22)
MOST_BARS = 8  # of a breakdown; the rest are summed up


class Segment(NamedTuple):
    """A piece of a reply, with the finding that it gave rise to, if any."""

    text: str
    finding: Finding | None = None


class Topic(NamedTuple):
    """The replies of one topic; `clean` of the adapter's have no warning."""

    name: str
    replies: tuple[Reply, ...]
    clean: int


class Bar(NamedTuple):
    """One row of a breakdown; `share` is of all rows together."""

    label: str
    number: float
    share: float


class Download(NamedTuple):
    """A file that the page carries in a link; `rows` of a table."""

    name: str
    url: str
    rows: int


def render_html(report: Report) -> str:
    """The page as text; write it as UTF-8."""
    return (
        templating.html()
        .get_template("report.html.jinja")
        .render(
            report=report,
            outcome=outcome_of(report.evaluation.likelihood.adapter_vs_base_prompt),
            plots=_plots(report),
            topics=topics(report.evaluation.replies),
            segments=segments,
            extremes=extremes(report.evaluation.replies),
            style=report.evaluation.style.rates,
            shown_checks=shown_checks(report.evaluation.style),
            breakdown=breakdown,
            contestants=CONTESTANTS,
            everybody=report.evaluation.contestants,
            no_warning=NO_WARNING,
            areas=areas(report),
            examples=examples(report),
            proofs=proofs,
            downloads=_downloads(report),
        )
    )


def proofs(flaws: Sequence[Flaw]) -> list[Finding]:
    """Flaws that count, as findings whose quotations can be marked."""
    return [Finding(check=flaw.kind, message=flaw.why, where=flaw.quote) for flaw in flaws if flaw.found]


def topics(replies: Sequence[Reply]) -> list[Topic]:
    """Replies by topic, topics in the order in which they first appear."""
    order = list(dict.fromkeys(reply.topic for reply in replies))
    ordered = sorted(replies, key=lambda reply: order.index(reply.topic))
    grouped = ((name, tuple(members)) for name, members in groupby(ordered, key=lambda reply: reply.topic))
    return [Topic(name, members, sum(_clean(reply) for reply in members)) for name, members in grouped]


def extremes(replies: Sequence[Reply]) -> list[tuple[str, Reply]]:
    """The adapter's reply with the fewest warnings and the one with the most; none where they are alike."""
    came = [reply for reply in replies if reply.adapter]
    ordered = sorted(
        came, key=lambda reply: sum(one.severity == "warning" for one in reply.findings.get("adapter", ()))
    )
    if not ordered or _clean(ordered[0]) == _clean(ordered[-1]):
        return []
    return [("best", ordered[0]), ("worst", ordered[-1])]


def segments(text: str, findings: Sequence[Finding]) -> list[Segment]:
    """The reply in pieces, so that what a check found can be marked; of overlapping passages the first is marked."""
    places = []
    for finding in findings:
        # A reply that breaks off does so at its end; anything else is marked where it first stands.
        find = text.rfind if finding.check == "whole_sentence" else text.find
        start = find(finding.where) if finding.where.strip() else -1
        if start >= 0:
            places.append((start, start + len(finding.where), finding))
    pieces, done = [], 0
    for start, end, finding in sorted(places, key=lambda place: place[:2]):
        if start < done:
            continue
        pieces += [Segment(text[done:start]), Segment(text[start:end], finding)]
        done = end
    return [piece for piece in (*pieces, Segment(text[done:])) if piece.text]


def breakdown(counts: Mapping[str, float]) -> list[Bar]:
    """The largest first; beyond `MOST_BARS` one bar for all the others, with an empty label."""
    total = sum(counts.values()) or 1
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    shown = ordered if len(ordered) <= MOST_BARS else ordered[: MOST_BARS - 1]
    rest = sum(count for _, count in ordered[len(shown) :])
    return [Bar(label, count, count / total) for label, count in (*shown, *([("", rest)] if rest else []))]


def _downloads(report: Report) -> list[Download]:
    """The whole report, and each of its tables: the page needs no file beside it."""
    whole = Download("report.json", _data_url("application/json", report.model_dump_json(indent=2)), 0)
    tables = [
        Download(f"{name}.csv", _data_url("text/csv;charset=utf-8", table.text), table.rows)
        for name, table in report_tables(report).items()
    ]
    return [whole, *tables]


def _data_url(kind: str, text: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"


def _plots(report: Report) -> dict[str, Any]:
    likelihood, training = report.evaluation.likelihood, report.training
    against = likelihood.adapter_vs_base_prompt
    return {
        "ratio": ratio_plot(against, RATIO),
        "learning": [learning_plot(training.curve, training.best_step, canvas) for canvas in (WIDE, NARROW)],
        "paired": [paired_plot(likelihood.lines, against, canvas) for canvas in (WIDE, NARROW)],
    }


def _clean(reply: Reply) -> bool:
    return all(finding.severity != "warning" for finding in reply.findings.get("adapter", ()))
