"""RoleBench (RoleLLM, arXiv 2310.00746): its recall, and what one has to know to believe it.

CUS, RAW and SPE are one arithmetic over different references: five answers of RoleGPT in the role, the original answer
to the instruction, answers that need the role's knowledge. The published number is ROUGE-L recall (`rouge`), and recall
grows with the length of an answer. So every report has beside it

    f1        which a longer answer does not raise
    floor     the answers of other roles to other questions: what the language alone scores
    padded    every answer with such an irrelevant one appended: if recall rises, it pays for length
    cut       every answer cut to the length of its reference: recall with length taken out

each with n and a bootstrap interval. Published: RoleGPT 0.3229 (English SPE), 0.2478 (Chinese SPE).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from roletune.engine.progress import Progress, SilentProgress
from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import Mean, bootstrap_mean
from roletune.evaluation.rolebench_files import Item, Joined, Metric, role_key
from roletune.evaluation.rouge import Overlap, is_unspaced, rouge_l, rouge_l_recall, spaced

__all__ = ["Control", "RoleBench", "language_of", "rouge_l_recall", "score_rolebench"]

LONG = 1.2  # answers longer than their references by this factor are flagged

Language = Literal["en", "zh"]


@dataclass(frozen=True)
class Control:
    """One form of the answers: recall and F1, and their paired differences from the answers as they are."""

    recall: Mean
    f1: Mean
    recall_change: Mean
    f1_change: Mean


@dataclass(frozen=True)
class RoleBench:
    """One system's result. Lengths are words (Chinese: characters); `by_kind` is script_based and script_agnostic.

    `drawn_by` says what the intervals resample: roles, or questions where there are few roles. `unscored` references
    had no answer, `empty` answers said nothing and score 0, `strange` answers belong to no reference.
    """

    metric: Metric
    language: Language
    n: int
    roles: int
    drawn_by: Literal["roles", "questions"]
    unscored: int
    strange: int
    several: int
    empty: int
    recall: Mean
    f1: Mean
    floor: Control
    padded: Control
    cut: Control
    by_kind: dict[str, tuple[Mean, Mean]]
    words: Mean
    reference_words: Mean
    length_ratio: float
    flags: tuple[str, ...]


def language_of(items: Sequence[Item]) -> Language:
    """Chinese if most of the first references are written without spaces."""
    first = [item.references[0] for item in items[:200]]
    return "zh" if sum(map(is_unspaced, first)) * 2 > len(first) else "en"


def score_rolebench(
    joined: Joined,
    metric: Metric,
    language: Language | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> RoleBench:
    """Score answers and their controls; `seed` decides whose answers the floor takes, and the draws of the intervals.

    Raises EvaluationError for Chinese that is scored as English, and for answers to a single question (no floor).
    """
    language = language or language_of(joined.items)
    items = [_as_scored(item, language) for item in joined.items]
    others = _others(items, seed)
    forms: dict[str, Callable[[int], str]] = {
        "plain": lambda k: items[k].answer,
        "floor": lambda k: others[k],
        "padded": lambda k: f"{items[k].answer} {others[k]}",
        "cut": lambda k: _cut(items[k]),
    }
    overlaps: dict[str, list[Overlap]] = {}
    with (progress or SilentProgress()).task("ROUGE-L", len(forms) * len(items), "answers") as task:
        for name, form in forms.items():
            overlaps[name] = []
            for k, item in enumerate(items):
                overlaps[name].append(rouge_l(form(k), item.references))
                task.advance(1, note=name)
    return _report(joined, items, overlaps, metric, language, seed)


def _report(
    joined: Joined,
    items: Sequence[Item],
    overlaps: dict[str, list[Overlap]],
    metric: Metric,
    language: Language,
    seed: int,
) -> RoleBench:
    roles = [role_key(item.role) for item in items]

    def mean(values: Sequence[float]) -> Mean:
        return bootstrap_mean(values, roles, seed=seed)

    plain = overlaps["plain"]
    controls = {name: _control(plain, changed, mean) for name, changed in overlaps.items() if name != "plain"}
    recall, f1 = mean([each.recall for each in plain]), mean([each.f1 for each in plain])
    words = mean([len(item.answer.split()) for item in items])
    wanted = mean([_reference_words(item) for item in items])
    ratio = words.value / wanted.value if wanted.value else 0.0
    kinds = sorted({item.kind for item in items if item.kind})
    return RoleBench(
        metric=metric,
        language=language,
        n=len(items),
        roles=len(set(roles)),
        drawn_by="roles" if recall.drawn == len(set(roles)) else "questions",
        unscored=joined.unscored,
        strange=joined.strange,
        several=joined.several,
        empty=sum(not item.answer.split() for item in items),
        recall=recall,
        f1=f1,
        floor=controls["floor"],
        padded=controls["padded"],
        cut=controls["cut"],
        by_kind={kind: _of_kind(kind, items, plain, seed) for kind in kinds},
        words=words,
        reference_words=wanted,
        length_ratio=ratio,
        flags=tuple(_flags(ratio, controls, joined.unscored)),
    )


def _control(plain: Sequence[Overlap], changed: Sequence[Overlap], mean: Callable[[Sequence[float]], Mean]) -> Control:
    pairs = list(zip(changed, plain, strict=True))
    return Control(
        recall=mean([each.recall for each in changed]),
        f1=mean([each.f1 for each in changed]),
        recall_change=mean([new.recall - old.recall for new, old in pairs]),
        f1_change=mean([new.f1 - old.f1 for new, old in pairs]),
    )


def _of_kind(kind: str, items: Sequence[Item], plain: Sequence[Overlap], seed: int) -> tuple[Mean, Mean]:
    """Recall and F1 of the questions of one kind."""
    chosen = [(role_key(item.role), each) for item, each in zip(items, plain, strict=True) if item.kind == kind]
    roles = [role for role, _ in chosen]
    recalls, f1s = [each.recall for _, each in chosen], [each.f1 for _, each in chosen]
    return bootstrap_mean(recalls, roles, seed=seed), bootstrap_mean(f1s, roles, seed=seed)


def _flags(ratio: float, controls: dict[str, Control], unscored: int) -> list[str]:
    """What a reader of the recall has to be told."""
    flags = []
    if ratio > LONG:
        flags.append(f"Answers are {ratio:.2f} times as long as their references: part of the recall is length.")
    padded, floor = controls["padded"], controls["floor"]
    if padded.recall_change.low > 0 and padded.f1_change.high < 0:
        flags.append(
            f"An irrelevant answer appended to each raises recall by {padded.recall_change.value:.3f} and lowers F1 by "
            f"{-padded.f1_change.value:.3f}: recall does not rank systems whose answers differ in length."
        )
    if floor.recall_change.high >= 0:
        flags.append("Recall is not clearly above the floor: answers of other roles to other questions score the same.")
    if unscored:
        flags.append(f"{unscored} references have no answer; they are left out of every figure.")
    return flags


def _as_scored(item: Item, language: Language) -> Item:
    references = tuple(spaced(each, language) for each in item.references)
    return Item(item.role, item.question, item.kind, spaced(item.answer, language), references)


def _others(items: Sequence[Item], seed: int) -> list[str]:
    """For each item the answer of another role to another question; of any role if there is only one."""
    generator = random.Random(seed)
    if len({item.question for item in items}) < 2:
        raise EvaluationError("All answers are to one question, so there is no floor to compare with. Add questions.")
    one_role = len({role_key(item.role) for item in items}) == 1
    found = []
    for item in items:
        while True:
            other = generator.choice(items)
            if other.question != item.question and (one_role or role_key(other.role) != role_key(item.role)):
                break
        found.append(other.answer)
    return found


def _cut(item: Item) -> str:
    return " ".join(item.answer.split()[: round(_reference_words(item))])


def _reference_words(item: Item) -> float:
    return fmean(len(each.split()) for each in item.references)
