"""Everything that judges are asked about a set of interviews: planned first, counted, then asked.

A plan is a list of calls with their requests, so its cost is known before the first one: how many are remembered
already, and how many tokens the others take (estimated by characters: four to a token, one where words are unspaced).
A call that the endpoint refuses for its content or length is unscored with the error. Any other error (the endpoint is
gone, the budget is spent) is raised once the others are done: they are in the ledger, and the next run goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any, Literal, NamedTuple, cast

from roletune.engine.progress import Progress
from roletune.engine.runner import Outcome, run
from roletune.errors import EvaluationError, RefusedError
from roletune.evaluation.judging.answers import Answered, Ask, ask_judge
from roletune.evaluation.judging.flaws import ask_flaws
from roletune.evaluation.judging.pairs import Better, ask_better, both_orders
from roletune.evaluation.judging.rubrics import DIMENSIONS_OF, Desk, Judged, ask_score
from roletune.llm.model import ChatModel
from roletune.records import Dimension, Flaw, InterviewItem, JudgeScore, PairVerdict


class Place(NamedTuple):
    """What a call is about: a score or the flaws of one item, or two items in this order."""

    kind: Literal["score", "flaws", "pair"]
    item: str
    other: str = ""  # of a pair: the second item
    dimension: str = ""


class Call(NamedTuple):
    """One question to one judge."""

    judge: str
    place: Place
    ask: Ask[Any]


@dataclass(frozen=True)
class Cost:
    """What a plan takes at least, if every answer can be read at once. Tokens are estimates."""

    calls: int
    remembered: int
    spent: Mapping[str, tuple[int, int]]  # tokens in and out, by judge

    @property
    def tokens_in(self) -> int:
        """Tokens of all prompts."""
        return sum(tokens for tokens, _ in self.spent.values())

    @property
    def tokens_out(self) -> int:
        """Tokens of all answers, if each is as long as it may be."""
        return sum(tokens for _, tokens in self.spent.values())


Answers = Mapping[tuple[str, Place], Answered[Any]]
"""By judge and what it was asked."""


def plan(desk: Desk, items: Sequence[InterviewItem], judges: Sequence[str], *, pairs: bool, flaws: bool) -> list[Call]:
    """Every call about the interviews that were held to their end, in an order that never changes."""
    held = [item for item in items if not item.failed]
    asks: list[tuple[Place, Callable[[str], Ask[Any]]]] = []
    for item in held:
        for dimension in DIMENSIONS_OF[item.form]:
            asks.append((Place("score", item.id, dimension=dimension), _same(ask_score(desk, item, dimension))))
        if flaws:
            asks.append((Place("flaws", item.id), partial(ask_flaws, desk, item)))
    for a, b in compared(held) if pairs else ():
        for first, second in ((a, b), (b, a)):
            asks.append((Place("pair", first.id, second.id), _same(ask_better(desk, first, second))))
    return [Call(judge, place, make(judge)) for judge in judges for place, make in asks]


def _same(ask: Ask[Any]) -> Callable[[str], Ask[Any]]:
    """What every judge is asked alike."""
    return lambda _: ask


def compared(items: Sequence[InterviewItem]) -> list[tuple[InterviewItem, InterviewItem]]:
    """Every two contestants on every question that both answered in one reply; equal replies are not compared."""
    questions: dict[str, list[InterviewItem]] = {}
    for item in items:
        if item.form == "single" and not item.failed:
            questions.setdefault(item.question, []).append(item)
    return [
        (a, b)
        for members in questions.values()
        for a, b in combinations(members, 2)
        if a.turns[0].reply != b.turns[0].reply
    ]


def cost(calls: Sequence[Call], judges: Mapping[str, ChatModel], remembered: Callable[[str], bool]) -> Cost:
    """What the calls take; `remembered` tells whether the ledger has the answer to a key."""
    spent = dict.fromkeys(judges, (0, 0))
    known = 0
    for call in calls:
        request = call.ask.request(0)
        if remembered(request.key(judges[call.judge].identity)):
            known += 1
            continue
        asked = sum(_tokens(message["content"]) for message in request.messages)
        before = spent[call.judge]
        spent[call.judge] = (before[0] + asked, before[1] + request.max_tokens)
    return Cost(len(calls), known, spent)


def refuse_too_many(estimate: Cost, most: int) -> None:
    """Raises EvaluationError if more calls would be made than the settings allow."""
    if estimate.calls - estimate.remembered > most:
        raise EvaluationError(
            f"The judges would be asked {estimate.calls - estimate.remembered:,} times, and interview.max_calls is "
            f"{most:,}. Raise it, or ask less: fewer topics or talks, pairs: false, flaws: false."
        )


async def ask_judges(
    calls: Sequence[Call], judges: Mapping[str, ChatModel], *, attempts: int, concurrency: int, progress: Progress
) -> dict[tuple[str, Place], Answered[Any]]:
    """Every call, asked. Raises the first error that is not the refusal of one call."""

    async def ask(call: Call) -> Answered[Any]:
        return await ask_judge(judges[call.judge], call.ask, attempts)

    with progress.task("judging", len(calls), "verdicts") as task:
        outcomes = await run(
            calls, ask, concurrency=concurrency, on_done=lambda done: task.advance(1, note=done.item.judge)
        )
    _refuse_gone(outcomes)
    return {
        (outcome.item.judge, outcome.item.place): outcome.value or Answered(None, (), str(outcome.error))
        for outcome in outcomes
    }


def with_scores(desk: Desk, item: InterviewItem, judges: Sequence[str], answers: Answers) -> InterviewItem:
    """The item with what the judges said about it."""
    evidence = tuple(passage.id for passage in desk.evidence(item.turns))
    scores, flaws, unread = [], list[Flaw](), list[str]()
    for judge in judges:
        for dimension in DIMENSIONS_OF[item.form]:
            answered = answers.get((judge, Place("score", item.id, dimension=dimension)))
            if answered:
                scores.append(_score(judge, dimension, answered, evidence))
        answered = answers.get((judge, Place("flaws", item.id)))
        if answered and answered.value is None:
            unread.append("\n".join([answered.reason, *answered.raw]))
        flaws += answered.value or () if answered else ()
    return item.model_copy(update={"scores": tuple(scores), "flaws": tuple(flaws), "unread": tuple(unread)})


def pair_verdicts(items: Sequence[InterviewItem], judges: Sequence[str], answers: Answers) -> list[PairVerdict]:
    """What every judge said about every pair, both orders together."""
    return [
        both_orders(
            a,
            b,
            judge,
            cast(Answered[Better], answers[(judge, Place("pair", a.id, b.id))]),
            cast(Answered[Better], answers[(judge, Place("pair", b.id, a.id))]),
        )
        for judge in judges
        for a, b in compared(items)
    ]


def _score(judge: str, dimension: Dimension, answered: Answered[Judged], evidence: tuple[str, ...]) -> JudgeScore:
    return JudgeScore(
        judge=judge,
        dimension=dimension,
        score=answered.value.score if answered.value else None,
        steps=answered.value.steps if answered.value else (),
        reason=answered.reason,
        raw=answered.raw,
        evidence=evidence,
    )


def _refuse_gone(outcomes: Sequence[Outcome[Call, Answered[Any]]]) -> None:
    for outcome in outcomes:
        if outcome.error and not isinstance(outcome.error, RefusedError):
            raise outcome.error


def _tokens(text: str) -> int:
    unspaced = sum(sign >= "\u2e80" for sign in text)
    return unspaced + (len(text) - unspaced + 3) // 4
