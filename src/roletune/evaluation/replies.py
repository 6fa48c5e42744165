"""Ask every contestant every question, with the same sampling and the same seed, and look at each answer.

A call that fails is a finding (`unanswered`), counted and left out of every rate; a contestant that answers nothing at
all stops the evaluation with its first error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from roletune.engine.progress import Progress
from roletune.engine.runner import Outcome, run
from roletune.errors import EvaluationError
from roletune.evaluation.style import UNANSWERED, Manner, inspect
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest, chat_messages
from roletune.records import CONTESTANTS, Contestant, Finding, Message, Question, Reply


@dataclass(frozen=True)
class Contender:
    """Who answers: a model, how a question is put to it, and whether it is told who it plays."""

    model: ChatModel
    messages: Callable[[Question], Sequence[Message]]
    prompted: bool = True


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn, the same for all contestants; `max_tokens` bounds one reply."""

    temperature: float = 0.7
    top_p: float = 0.95
    max_tokens: int = 200
    seed: int = 1


class Call(NamedTuple):
    """One question to one contestant."""

    contestant: Contestant
    question: Question


Answers = Mapping[Contestant, Sequence[Outcome[Call, ChatReply]]]
"""By contestant, one outcome a question, in their order."""


async def ask_contestants(
    questions: Sequence[Question],
    contenders: Mapping[Contestant, Contender],
    manner: Manner,
    sampling: Sampling,
    *,
    progress: Progress,
    concurrency: int = 2,
) -> list[Reply]:
    """One Reply a question, in their order, with what the style checks found in each answer.

    Raises EvaluationError without questions or with a contestant missing, and a contestant's own error if it answers
    nothing at all.
    """
    if missing := [name for name in CONTESTANTS if name not in contenders]:
        raise EvaluationError(f"Replies are compared between {', '.join(CONTESTANTS)}; missing: {', '.join(missing)}.")
    answers = await ask_all(
        questions, contenders, sampling, title="replies side by side", progress=progress, concurrency=concurrency
    )
    return [
        _reply(question, {name: answers[name][k] for name in answers}, manner, sampling)
        for k, question in enumerate(questions)
    ]


async def ask_all(
    questions: Sequence[Question],
    contenders: Mapping[Contestant, Contender],
    sampling: Sampling,
    *,
    title: str,
    progress: Progress,
    concurrency: int = 2,
) -> Answers:
    """Every question put to every contender. Raises EvaluationError without questions, and a contender's own error if
    it answers nothing at all."""
    if not questions:
        raise EvaluationError("There are no questions to ask. Write some into questions.yaml.")

    async def ask(call: Call) -> ChatReply:
        contender = contenders[call.contestant]
        return await contender.model.complete(request_for(contender.messages(call.question), sampling))

    # One contestant after the other: a local server keeps its prompt's beginning and its adapter in place.
    calls = [Call(contestant, question) for contestant in contenders for question in questions]
    with progress.task(title, total=len(calls), unit="replies") as task:
        outcomes = await run(
            calls, ask, concurrency=concurrency, on_done=lambda done: task.advance(1, note=done.item.contestant)
        )
    answers = {name: [o for o in outcomes if o.item.contestant == name] for name in contenders}
    for answered in answers.values():
        _refuse_silence(answered)
    return answers


def request_for(messages: Sequence[Message], sampling: Sampling) -> ChatRequest:
    """What a contestant is asked."""
    return ChatRequest(
        messages=chat_messages(messages),
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=sampling.max_tokens,
        seed=sampling.seed,
    )


def _refuse_silence(outcomes: Sequence[Outcome[Call, ChatReply]]) -> None:
    errors = [outcome.error for outcome in outcomes if outcome.error]
    if len(errors) == len(outcomes):
        raise errors[0]


def _reply(
    question: Question,
    outcomes: Mapping[Contestant, Outcome[Call, ChatReply]],
    manner: Manner,
    sampling: Sampling,
) -> Reply:
    texts = {name: outcome.value.text.strip() if outcome.value else "" for name, outcome in outcomes.items()}
    findings = {name: _findings(outcome, manner, sampling) for name, outcome in outcomes.items()}
    return Reply(
        question=question.text,
        topic=question.topic,
        base=texts["base"],
        base_prompt=texts["base_prompt"],
        adapter=texts["adapter"],
        others={name: text for name, text in texts.items() if name not in CONTESTANTS},
        findings={name: found for name, found in findings.items() if found},
    )


def _findings(outcome: Outcome[Call, ChatReply], manner: Manner, sampling: Sampling) -> tuple[Finding, ...]:
    if outcome.value is None:
        return (Finding(check=UNANSWERED, message=str(outcome.error)),)
    found = inspect(outcome.value.text.strip(), manner)
    if outcome.value.finish_reason == "length" and all(finding.check != "too_long" for finding in found):
        endless = Finding(check="too_long", message=f"had not come to an end after {sampling.max_tokens} tokens")
        found = (*found, endless)
    return found
