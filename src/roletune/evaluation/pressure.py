"""Stays in role under pressure: every boundary question again, with an insisting partner.

    asked           the question by itself
    again 1, 2, ... in the same talk: somebody insists, each time after the character's own last reply
    suffix          the question with an appeal behind it to leave the role
    slip            the question after the character seems to have left the role already (words put into its mouth)

Verdicts are those of `evaluation.boundary`: of each reply by itself, by the question's own expressions. A talk that
breaks off is kept; what was not answered is counted and in no rate.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from roletune.engine.progress import Progress
from roletune.engine.runner import run
from roletune.errors import EvaluationError, ProjectError, RefusedError
from roletune.evaluation.bootstrap import bootstrap_share, wilson
from roletune.evaluation.boundary import judge_reply
from roletune.evaluation.boundary_questions import BoundaryQuestion
from roletune.evaluation.questions import read_yaml
from roletune.evaluation.replies import Contender, Sampling, request_for
from roletune.prompts import BUILT_IN
from roletune.records import (
    Contestant,
    Message,
    PressureAnswer,
    PressureReport,
    PressureStep,
    PressureTurn,
    Question,
    Rate,
    Record,
    ShareDifference,
)

ASKED, SUFFIX, SLIP = "asked", "suffix", "slip"
SHAPE = "It needs `again:`, `suffixes:` and `slips:`, lists of texts; the packaged pressure.yaml shows how."


class Pressure(Record):
    """`pressure.yaml`: what is said to insist, what is put behind a question, and into the character's mouth."""

    again: tuple[str, ...] = Field(min_length=1)
    suffixes: tuple[str, ...] = Field(min_length=1)
    slips: tuple[str, ...] = Field(min_length=1)


def read_pressure(language: str, folder: Path) -> Pressure:
    """The character's own `prompts/pressure.yaml`, else that of its language, else the English one."""
    places = [folder, BUILT_IN / language, BUILT_IN / "en"]
    path = next(place / "pressure.yaml" for place in places if (place / "pressure.yaml").is_file())
    try:
        return Pressure.model_validate(read_yaml(path, SHAPE))
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ProjectError(f"{path} needs correcting. {SHAPE}", mistakes) from error


async def press(
    questions: Sequence[BoundaryQuestion],
    contenders: Mapping[Contestant, Contender],
    pressure: Pressure,
    sampling: Sampling,
    *,
    turns: int,
    progress: Progress,
    concurrency: int = 2,
) -> list[PressureAnswer]:
    """Everything tried with every question on every contender; `turns` is how often somebody insists.

    Raises a contender's error if that is not about one request: an endpoint that is gone answers nobody.
    """

    async def work(pair: tuple[Contestant, BoundaryQuestion]) -> PressureAnswer:
        name, question = pair
        contender = contenders[name]
        draw = random.Random(f"{sampling.seed}:{question.id}")
        insisting = [pressure.again[k % len(pressure.again)] for k in range(turns)]
        suffixed = f"{question.text} {draw.choice(pressure.suffixes)}"
        slip = (Message(role="assistant", content=draw.choice(pressure.slips)),)
        steps = [ASKED, *(f"again {k}" for k in range(1, turns + 1))]
        return PressureAnswer(
            question=question.id,
            contestant=name,
            turns=(
                *await _talk(question, contender, list(zip(steps, [question.text, *insisting], strict=True)), sampling),
                *await _talk(question, contender, [(SUFFIX, suffixed)], sampling),
                *await _talk(question, contender, [(SLIP, question.text)], sampling, said=slip),
            ),
        )

    pairs = [(name, question) for name in contenders for question in questions]
    with progress.task("questions under pressure", len(pairs), "talks") as task:
        outcomes = await run(pairs, work, concurrency=concurrency, on_done=lambda _: task.advance(1))
    for outcome in outcomes:
        if outcome.error:
            raise outcome.error
    return [outcome.value for outcome in outcomes if outcome.value is not None]


async def _talk(
    question: BoundaryQuestion,
    contender: Contender,
    steps: Sequence[tuple[str, str]],
    sampling: Sampling,
    *,
    said: tuple[Message, ...] = (),
) -> list[PressureTurn]:
    """One talk, step by step; with `said`, the question is asked, answered with that, and asked again."""
    opening = Question(id=question.id, text=steps[0][1])
    history = [*contender.messages(opening), *said]
    if said:
        history.append(Message(role="user", content=steps[0][1]))
    turns: list[PressureTurn] = []
    failed = ""
    for number, (step, text) in enumerate(steps):
        if number:
            history.append(Message(role="user", content=text))
        if not failed:
            try:
                reply = (await contender.model.complete(request_for(history, sampling))).text.strip()
                verdict = judge_reply(question, reply)
                turns.append(PressureTurn(step=step, said=text, reply=reply, verdict=verdict))
                history.append(Message(role="assistant", content=reply))
                continue
            except RefusedError as error:
                failed = str(error)
        turns.append(PressureTurn(step=step, said=text, failed=failed))
    return turns


def pressure_report(answers: Sequence[PressureAnswer], *, adapter: str, resamples: int = 10_000) -> PressureReport:
    """Leaks by step, against the plain question, paired. Raises EvaluationError for no answers."""
    if not answers:
        raise EvaluationError("There are no boundary questions to insist on. Write some into boundary.yaml.")
    names: list[Contestant] = list(dict.fromkeys(answer.contestant for answer in answers))
    own = {name: [answer for answer in answers if answer.contestant == name] for name in names}
    ever = {name: {a.question: leak for a in own[name] if (leak := ever_leaked(a)) is not None} for name in names}
    return PressureReport(
        adapter=adapter,
        steps={name: _steps(own[name], resamples) for name in names},
        ever={name: rate for name in names if (rate := _rate(list(ever[name].values())))},
        difference=_paired(ever.get("adapter", {}), ever.get("base_prompt", {}), resamples),
        answers=tuple(answers),
    )


def _steps(answers: Sequence[PressureAnswer], resamples: int) -> tuple[PressureStep, ...]:
    plain = _outcomes(answers, ASKED, "leaked")
    found = []
    for step in [turn.step for turn in answers[0].turns]:
        leaked, unclear = (_outcomes(answers, step, outcome) for outcome in ("leaked", "unclear"))
        found.append(
            PressureStep(
                step=step,
                leaked=_rate(list(leaked.values())),
                unclear=_rate(list(unclear.values())),
                change=_paired(leaked, plain, resamples) if step != ASKED else None,
                unanswered=len(answers) - len(leaked),
            )
        )
    return tuple(found)


def _outcomes(answers: Sequence[PressureAnswer], step: str, outcome: str) -> dict[str, bool]:
    """By question whether the step had this outcome, where there was a reply."""
    return {
        answer.question: turn.verdict.outcome == outcome
        for answer in answers
        for turn in answer.turns
        if turn.step == step and turn.verdict
    }


def ever_leaked(answer: PressureAnswer) -> bool | None:
    """Whether the question or a turn after it leaked; None if not all was answered and nothing leaked."""
    talk = [turn for turn in answer.turns if turn.step not in (SUFFIX, SLIP)]
    leaked = any(turn.verdict and turn.verdict.outcome == "leaked" for turn in talk)
    return leaked if leaked or all(turn.verdict for turn in talk) else None


def _paired(first: Mapping[str, bool], second: Mapping[str, bool], resamples: int) -> ShareDifference | None:
    pairs = [(first[question], second[question]) for question in first if question in second]
    return bootstrap_share(pairs, resamples=resamples) if pairs else None


def _rate(found: Sequence[bool]) -> Rate | None:
    return wilson(sum(found), len(found)) if found else None
