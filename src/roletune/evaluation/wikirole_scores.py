"""WikiRoleEval's figures from its judgements, each with n, an interval and what stayed unscored.

One rule for the votes of all three: their majority. For knowledge, a number, that is the median, which is the majority
wherever there is one. Votes that can't be read are left out and counted; no vote left, or a tie, is unscored. Rejection
is balanced accuracy, because declining nothing is right most of the time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from roletune.evaluation.bootstrap import bootstrap_mean, wilson
from roletune.evaluation.estimates import estimate_mean
from roletune.evaluation.wikirole import LETTERS, Judgement, Kind
from roletune.evaluation.wikirole_files import WikiRole
from roletune.records import Estimate, Rate, WikiRoleFigures, WikiRolePosition, WikiRoleRejection


@dataclass(frozen=True)
class WikiRoleSummary:
    """All together and by language; `by_role` has every role, scored or not; `warnings` are for the reader."""

    figures: dict[str, WikiRoleFigures]
    by_role: dict[str, WikiRoleFigures]
    warnings: tuple[str, ...]


def wikirole_report(
    items: Sequence[WikiRole],
    judgements: Sequence[Judgement],
    *,
    judge: str = "",
    authors: Sequence[str] = (),
    seed: int = 0,
) -> WikiRoleSummary:
    """Figures of one contestant. `authors` are the models that wrote replies, questions or references."""
    languages = sorted({item.language for item in items})
    figures = {"all": _figures(items, judgements, seed)}
    for language in languages:
        figures[language] = _figures([item for item in items if item.language == language], judgements, seed)
    by_role = {
        item.role if _single(item, items) else f"{item.role} ({item.id})": _figures([item], judgements, seed)
        for item in items
    }
    return WikiRoleSummary(figures, by_role, tuple(_warnings(figures["all"], judge, authors)))


def paired_differences(
    items: Sequence[WikiRole], own: Sequence[Judgement], other: Sequence[Judgement], *, seed: int = 0
) -> dict[str, Estimate]:
    """The first minus the second contestant by one judge, over what was scored of both; a kind without any is left out.

    Shares of right identities and right rejections, and grades of knowledge, each paired by item and question.
    """
    first, second = _scores(items, own), _scores(items, other)
    found: dict[str, list[float]] = {}
    for (kind, item, turn), score in first.items():
        if (kind, item, turn) in second:
            found.setdefault(kind, []).append(score - second[kind, item, turn])
    return {kind: estimate_mean(values, resamples=1000, seed=seed) for kind, values in found.items()}


def _scores(items: Sequence[WikiRole], judgements: Sequence[Judgement]) -> dict[tuple[Kind, str, int | None], float]:
    known = {item.id: item for item in items}
    found = {}
    for each in judgements:
        if each.item in known and (value := verdict(each)) is not None:
            found[each.kind, each.item, each.turn] = _score(known[each.item], each, value)
    return found


def _score(item: WikiRole, judgement: Judgement, value: float) -> float:
    """How good one verdict is: a grade, or whether it was right."""
    if judgement.kind == "knowledge":
        return value
    if judgement.kind == "identity":
        return float(value == item.right)
    return float((value == 1) is not item.turns[judgement.turn or 0].in_scope)


def verdict(judgement: Judgement) -> float | None:
    """What the votes say together; None is unscored."""
    values = [vote.value for vote in judgement.votes if vote.value is not None]
    if not values:
        return None
    if judgement.kind == "knowledge":
        return float(median(values))
    (best, count), *rest = Counter(values).most_common(2)
    return None if rest and rest[0][1] == count else float(best)


def _figures(items: Sequence[WikiRole], judgements: Sequence[Judgement], seed: int) -> WikiRoleFigures:
    known = {item.id: item for item in items}
    mine = [each for each in judgements if each.item in known]
    verdicts = {
        kind: [(known[each.item], each, verdict(each)) for each in mine if each.kind == kind]
        for kind in ("identity", "knowledge", "rejection")
    }
    named = [value == item.right for item, _, value in verdicts["identity"] if value is not None]
    known_well = [(item.role, value) for item, _, value in verdicts["knowledge"] if value is not None]
    roles, grades = [role for role, _ in known_well], [value for _, value in known_well]
    pairs = [
        (not item.turns[each.turn or 0].in_scope, None if value is None else value == 1)
        for item, each, value in verdicts["rejection"]
    ]
    votes = [vote for each in mine for vote in each.votes]
    return WikiRoleFigures(
        n_roles=len(known),
        identity=wilson(sum(named), len(named)) if named else None,
        identity_unscored=len(verdicts["identity"]) - len(named),
        knowledge=_mean(grades, roles, seed) if grades else None,
        knowledge_unscored=len(verdicts["knowledge"]) - len(grades),
        rejection=_rejection(pairs),
        positions=tuple(
            WikiRolePosition(
                letter=letter,
                voted=sum(v.letter == letter for v in votes),
                right=sum(v.right == letter for v in votes if v.letter),
            )
            for letter in LETTERS
        ),
        unread_votes=sum(vote.value is None for vote in votes),
        silent=sum(each.silent for each in mine),
    )


def _mean(grades: Sequence[float], roles: Sequence[str], seed: int) -> Estimate:
    """Roles are drawn where there are enough of them: the answers of one are alike."""
    found = bootstrap_mean(grades, roles, seed=seed)
    return Estimate(value=found.value, low=found.low, high=found.high, n=found.n)


def _rejection(pairs: Sequence[tuple[bool, bool | None]]) -> WikiRoleRejection:
    """`pairs`: whether a question should be declined, and whether it was (None: unscored)."""
    scored = [(should, did) for should, did in pairs if did is not None]
    outside = [did for should, did in scored if should]
    inside = [did for should, did in scored if not should]
    declining = sum(outside) + sum(inside)
    right = sum(outside) + len(inside) - sum(inside)
    return WikiRoleRejection(
        balanced=_balanced(wilson(sum(outside), len(outside)), wilson(len(inside) - sum(inside), len(inside)))
        if outside and inside
        else None,
        declined=wilson(sum(outside), len(outside)) if outside else None,
        over_refused=wilson(sum(inside), len(inside)) if inside else None,
        precision=wilson(sum(outside), declining) if declining else None,
        accuracy=wilson(right, len(scored)) if scored else None,
        constant=max(len(outside), len(inside)) / len(scored) if scored else None,
        unscored=len(pairs) - len(scored),
    )


def _balanced(outside: Rate, inside: Rate) -> Estimate:
    """The mean of two shares, with Newcombe's interval (1998) of their sum, from Wilson's of each: a bootstrap of a few
    answers that are all right would claim that nothing else is possible."""
    value = (outside.value + inside.value) / 2
    below = math.hypot(outside.value - outside.low, inside.value - inside.low) / 2
    above = math.hypot(outside.high - outside.value, inside.high - inside.value) / 2
    return Estimate(value=value, low=value - below, high=value + above, n=outside.n + inside.n)


def _warnings(figures: WikiRoleFigures, judge: str, authors: Sequence[str]) -> list[str]:
    warnings = []
    if judge and judge in authors:
        warnings.append(f"{judge} judges what it wrote itself, or what was made of that. Ask another judge.")
    unscored = figures.identity_unscored + figures.knowledge_unscored + figures.rejection.unscored
    if unscored:
        warnings.append(f"{unscored} judgements are unscored and in no mean; {figures.unread_votes} votes unreadable.")
    return warnings


def _single(item: WikiRole, items: Sequence[WikiRole]) -> bool:
    return sum(other.role == item.role for other in items) == 1
