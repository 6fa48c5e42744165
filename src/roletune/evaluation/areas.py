"""Every area of a report in one row: the prompted base model, the adapter, what changed, and whether that is a change.

A row says better or worse only if its whole 95 % interval is on one side of no difference, from six items on; rows
without a paired difference have no direction. It is clear if it stays so when all rows with a direction are corrected
together (Holm), by the normal tail that belongs to the interval. The words are the templates'.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from roletune.evaluation.bootstrap import Z95, bootstrap_share
from roletune.evaluation.paired import holm
from roletune.evaluation.report import LEAST_SCENES, outcome_of
from roletune.records import Contestant, Finding, Report, ShareDifference

Direction = Literal["better", "unclear", "worse", ""]
LEAST = LEAST_SCENES  # items; below, even those that all agree may agree by chance


class Change(NamedTuple):
    """Adapter minus base with prompt, of perplexities their ratio; with its interval over `n` items."""

    value: float
    low: float
    high: float
    n: int


class Area(NamedTuple):
    """One row: `key` names its words, `anchor` its section, `unit` how the figures are written."""

    key: str
    anchor: str
    unit: Literal["share", "perplexity", "score", "regret"]
    prompted: float | None
    adapter: float | None
    change: Change | None = None
    direction: Direction = ""
    clear: bool = False


def areas(report: Report) -> list[Area]:
    """The rows that this report has, in the order of the page."""
    parts = (_likelihood, _replies, _tried, _judged, _probed, _told)
    rows = [row for part in parts for row in part(report)]
    tested = [(row.key, row.direction, _tail(row.change, row.unit)) for row in rows if row.direction and row.change]
    adjusted = holm([p for _, _, p in tested])
    clear = {key for (key, way, _), p in zip(tested, adjusted, strict=True) if way != "unclear" and p < 0.05}
    return [row._replace(clear=row.key in clear) for row in rows]


def _tail(change: Change, unit: str) -> float:
    """Two-sided p of no difference, as a normal curve with this interval has it; no less than if all items agreed."""
    ends = (change.value, change.low, change.high)
    value, low, high = [math.log(end) for end in ends] if unit == "perplexity" else ends
    towards = value - low if value > 0 else high - value
    agreeing = 2 / 2 ** min(change.n, 60)
    if not value or not towards:
        return agreeing if value else 1.0
    return max(math.erfc(abs(value) * Z95 / towards / math.sqrt(2)), agreeing)


def _likelihood(report: Report) -> Iterator[Area]:
    found = report.evaluation.likelihood
    against = found.adapter_vs_base_prompt
    change = Change(against.perplexity_ratio, against.ratio_low, against.ratio_high, against.n_lines)
    figures = found.base_prompt.perplexity, found.adapter.perplexity
    yield Area("likelihood", "lines", "perplexity", figures[0], figures[1], change, outcome_of(against))
    if report.voice and report.voice.identification:
        real = report.voice.identification
        shares = real.per_token["base_prompt"].value, real.per_token["adapter"].value
        yield _area("identification", "voice", shares, real.gain, higher=True)


def _replies(report: Report) -> Iterator[Area]:
    came = [one for one in report.evaluation.replies if one.adapter and one.base_prompt]
    clean = [tuple(_clean(one.findings.get(who, ())) for who in ("base_prompt", "adapter")) for one in came]
    if clean:
        difference = bootstrap_share([(adapter, prompted) for prompted, adapter in clean], resamples=4_000)
        yield _area("style", "style", _means(clean), difference, higher=True)
    if report.voice and report.voice.taken:
        taken = report.voice.taken
        figures = [taken[who].value if who in taken else None for who in ("base_prompt", "adapter")]
        # No direction: who is taken for the character need not be better, see the marks in the section.
        yield Area("taken", "voice", "share", figures[0], figures[1], _change(report.voice.gain))


def _tried(report: Report) -> Iterator[Area]:
    """What was tried to break the character."""
    if found := report.boundary:
        for key, outcome, difference in (("leaks", "leaked", found.leaks), ("refusals", "refused", found.refusals)):
            rates = [getattr(found.rates[who], outcome) for who in ("base_prompt", "adapter") if who in found.rates]
            if difference and len(rates) == 2 and all(rates):
                yield _area(key, "boundary", [rate.value for rate in rates], difference, higher=False)
    if (pressed := report.pressure) and pressed.difference:
        figures = [pressed.ever[who].value for who in ("base_prompt", "adapter")]
        yield _area("pressure", "pressure", figures, pressed.difference, higher=False)


def _judged(report: Report) -> Iterator[Area]:
    if report.interview and report.interview.judges:
        figures = [_mean_score(report, who) for who in ("base_prompt", "adapter")]
        moved = report.interview.overall
        change = Change(moved.value, moved.low, moved.high, moved.n) if moved else None
        # Better or worse only by a judge of whom people's scores say that it may be believed.
        trusted = {row.trust for row in report.interview.differences if row.form == "single"} == {"calibrated"}
        direction: Direction = _direction(change, higher=True) if change and trusted else ""
        yield Area("interview", "interview", "score", figures[0], figures[1], change, direction)
    if report.wikirole and report.wikirole.judges:
        judge = report.wikirole.judges[0]
        rows = [report.wikirole.figures.get(who, {}).get(judge) for who in ("base_prompt", "adapter")]
        known = [row.identity.value if row and row.identity else None for row in rows]
        moved = report.wikirole.differences.get(judge, {}).get("identity")
        change = Change(moved.value, moved.low, moved.high, moved.n) if moved else None
        yield Area("wikirole", "wikirole", "share", known[0], known[1], change)  # no direction: nobody vouches for it


def _probed(report: Report) -> Iterator[Area]:
    if (found := report.capability) and (change := found.changes.get("training_with_persona")):
        rights = [found.right[footing].value for footing in ("base_prompt", "adapter") if footing in found.right]
        if len(rights) == 2:
            yield _area("capability", "capability", rights, change.share, higher=True)
    if (game := report.bandit) and game.difference:
        regrets = [game.scores[who].regret for who in ("base_prompt", "adapter") if who in game.scores]
        if len(regrets) == 2 and all(regrets):
            moved = Change(game.difference.value, game.difference.low, game.difference.high, game.difference.n)
            figures = [regret.value if regret else None for regret in regrets]
            yield Area("bandit", "bandit", "regret", figures[0], figures[1], moved, _direction(moved, higher=False))


def _change(found: ShareDifference | None) -> Change | None:
    return Change(found.difference, found.ci_low, found.ci_high, found.n) if found else None


def _told(report: Report) -> Iterator[Area]:
    if (found := report.obedience) and found.difference:
        kept = [found.rates[who].all_rules.value for who in ("base_prompt", "adapter") if who in found.rates]
        if len(kept) == 2:
            yield _area("obedience", "obedience", kept, found.difference, higher=True)


def _area(key: str, anchor: str, figures: Sequence[float], found: ShareDifference, *, higher: bool) -> Area:
    change = Change(found.difference, found.ci_low, found.ci_high, found.n)
    return Area(key, anchor, "share", figures[0], figures[1], change, _direction(change, higher=higher))


def _direction(change: Change, *, higher: bool) -> Direction:
    if change.n < LEAST or change.low <= 0 <= change.high:
        return "unclear"
    return "better" if (change.low > 0) is higher else "worse"


def _clean(findings: Sequence[Finding]) -> bool:
    return all(one.severity != "warning" for one in findings)


def _means(rows: Sequence[tuple[bool, ...]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def _mean_score(report: Report, who: Contestant) -> float | None:
    """Over the dimensions of single questions, each counting once."""
    rows = report.interview.scores if report.interview else ()
    means = [row.mean for row in rows if (row.contestant, row.form) == (who, "single") and row.mean is not None]
    return sum(means) / len(means) if means else None
