"""WikiRoleEval (Ditto, arXiv 2401.12474): who was it, is it true, did it decline what it can't know.

    identity    the whole conversation, four candidates in an order drawn anew for every asking
    knowledge   each question inside the role's world, against its evidence, 1 to 10
    rejection   every question: declined or not, against what it should have been

A judge is asked `samples` times, strictly read, and every answer is kept. A judgement without a usable answer is
unscored: it stays in the list with its role, and no figure takes it for a zero or leaves the role out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

from roletune.engine.progress import Progress
from roletune.engine.runner import Outcome, run
from roletune.errors import EvaluationError, ReplyError
from roletune.evaluation.judging.answers import Answered, Ask, ask_judge, read_object, read_steps
from roletune.evaluation.judging.fence import bounded, fence
from roletune.evaluation.wikirole_files import WikiRole
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest, chat_messages
from roletune.prompts import Prompt, load_prompt
from roletune.records import Message

Kind = Literal["identity", "knowledge", "rejection"]
Replies = Mapping[str, Sequence[str | None]]
"""By id of an item, one reply a turn; None where none came."""

LETTERS = "ABCD"


@dataclass(frozen=True)
class Judging:
    """How a judge is asked: votes on each judgement, askings until one can be read, and the seed of the orders."""

    samples: int = 3
    attempts: int = 2
    seed: int = 0
    temperature: float = 0.2
    max_tokens: int = 600
    concurrency: int = 2
    prompts: Path | None = None  # the user's own, before the packaged ones


@dataclass(frozen=True)
class Vote:
    """One asking: a candidate's index, a score or 0/1 (declined); None could not be read.

    Of identity: `letter` was answered, and under the letter `right` stood the right candidate.
    """

    value: int | None
    raw: tuple[str, ...]
    reason: str = ""
    letter: str = ""
    right: str = ""


@dataclass(frozen=True)
class Judgement:
    """All votes on one conversation (`turn` None) or one answer; `silent` if there was no reply to judge."""

    kind: Kind
    item: str
    turn: int | None
    votes: tuple[Vote, ...] = ()
    silent: bool = False


class _Work(NamedTuple):
    """One vote to get."""

    place: int  # of its judgement
    item: WikiRole
    sample: int


@dataclass(frozen=True)
class _Target:
    judgement: Judgement
    item: WikiRole
    replies: tuple[str | None, ...]
    prompt: Prompt
    order: Callable[[int], list[int]] = field(default=lambda _: [])


async def judge_wikirole(
    items: Sequence[WikiRole], replies: Replies, judge: ChatModel, judging: Judging, progress: Progress
) -> list[Judgement]:
    """Every judgement of every item, in a fixed order, whatever the judge answered.

    Raises EvaluationError if an item has no replies or another number of them than turns; a bug of a judge's endpoint
    on one question is that vote's reason.
    """
    prompts = {
        (kind, language): load_prompt(f"wikirole_{kind}", language, judging.prompts)
        for kind in _READ
        for language in {item.language for item in items}
    }
    targets = [target for item in items for target in _targets(item, _replies_to(item, replies), prompts, judging.seed)]
    work = [
        _Work(place, target.item, sample)
        for place, target in enumerate(targets)
        if not target.judgement.silent
        for sample in range(judging.samples)
    ]

    async def vote(one: _Work) -> Vote:
        return await _vote(targets[one.place], one.sample, judge, judging)

    with progress.task("WikiRoleEval", len(work), "votes") as task:
        outcomes = await run(work, vote, concurrency=judging.concurrency, on_done=lambda _: task.advance(1))
    votes: dict[int, list[Vote]] = {}
    for outcome in outcomes:
        votes.setdefault(outcome.item.place, []).append(_cast(outcome))
    return [replace(target.judgement, votes=tuple(votes.get(place, ()))) for place, target in enumerate(targets)]


def _cast(outcome: Outcome[_Work, Vote]) -> Vote:
    return outcome.value if outcome.value is not None else Vote(None, (), reason=str(outcome.error))


def _replies_to(item: WikiRole, replies: Replies) -> tuple[str | None, ...]:
    given = replies.get(item.id)
    if given is None or len(given) != len(item.turns):
        raise EvaluationError(
            f"{item.role} ({item.id}) has {len(item.turns)} questions and {len(given or ())} replies. "
            "Give one reply a question, None where none came."
        )
    return tuple(given)


def _targets(
    item: WikiRole, replies: tuple[str | None, ...], prompts: Mapping[tuple[Kind, str], Prompt], seed: int
) -> list[_Target]:
    """What is judged of one item. Answers to questions outside the role's world are not graded for knowledge."""

    def order(sample: int) -> list[int]:
        return random.Random(f"{seed}/{item.id}/{sample}").sample(range(len(item.candidates)), len(item.candidates))

    spoken = any(reply and reply.strip() for reply in replies)
    whole = Judgement("identity", item.id, None, silent=not spoken)
    found = [_Target(whole, item, replies, prompts["identity", item.language], order)]
    for number, turn in enumerate(item.turns):
        kinds: tuple[Kind, ...] = ("knowledge", "rejection") if turn.in_scope else ("rejection",)
        silent = not (replies[number] or "").strip()
        found += [
            _Target(Judgement(kind, item.id, number, silent=silent), item, replies, prompts[kind, item.language])
            for kind in kinds
        ]
    return found


async def _vote(target: _Target, sample: int, judge: ChatModel, judging: Judging) -> Vote:
    order = target.order(sample)
    kind, judged = target.judgement.kind, [reply for reply in target.replies if reply]
    messages = _messages(target, order)

    def request(attempt: int) -> ChatRequest:
        return ChatRequest(
            chat_messages(messages),
            temperature=judging.temperature,
            max_tokens=judging.max_tokens,
            seed=judging.seed + sample,
            sample=sample * judging.attempts + attempt,
        )

    answered = await ask_judge(judge, Ask(request, lambda reply: _READ[kind](reply, judged)), judging.attempts)
    if kind != "identity":
        return Vote(answered.value, answered.raw, answered.reason)
    return _placed(answered, order, target.item.right)


def _placed(answered: Answered[int], order: list[int], right: int) -> Vote:
    """A vote for a letter as one for a candidate."""
    there = LETTERS[order.index(right)]
    if answered.value is None:
        return Vote(None, answered.raw, answered.reason, right=there)
    return Vote(order[answered.value], answered.raw, letter=LETTERS[answered.value], right=there)


def _messages(target: _Target, order: list[int]) -> Sequence[Message]:
    item, turn = target.item, target.judgement.turn
    numbers = range(len(item.turns)) if turn is None else [turn]
    talk = "\n\n".join(f"Q: {item.turns[n].question}\n{_says(target.replies[n])}" for n in numbers)
    candidates = [(LETTERS[place], bounded(item.candidates[index])) for place, index in enumerate(order)]
    evidence = fence(item.turns[turn].evidence) if turn is not None else ""
    return target.prompt.messages(
        role=bounded(item.role),
        summary=bounded(item.summary),
        talk=fence(talk),
        evidence=evidence,
        candidates=candidates,
    )


def _says(reply: str | None) -> str:
    return f"A: {reply}" if reply and reply.strip() else "(no answer)"


def _read_identity(reply: ChatReply, judged: Sequence[str]) -> int:
    found = read_object(reply, ("steps", "answer"), judged)
    read_steps(found["steps"], reply)
    letter = found["answer"].strip(" .()").upper() if isinstance(found["answer"], str) else ""
    if len(letter) != 1 or letter not in LETTERS:
        raise ReplyError("the answer is none of A, B, C, D", reply.text)
    return LETTERS.index(letter)


def _read_knowledge(reply: ChatReply, judged: Sequence[str]) -> int:
    found = read_object(reply, ("steps", "score"), judged)
    read_steps(found["steps"], reply)
    score = found["score"]
    if isinstance(score, bool) or not isinstance(score, int) or not 1 <= score <= 10:
        raise ReplyError("the score is no whole number from 1 to 10", reply.text)
    return score


def _read_rejection(reply: ChatReply, judged: Sequence[str]) -> int:
    found = read_object(reply, ("steps", "declines"), judged)
    read_steps(found["steps"], reply)
    said = {"true": 1, "false": 0, "1": 1, "0": 0, "yes": 1, "no": 0}.get(str(found["declines"]).strip(" .").lower())
    if said is None:
        raise ReplyError("declines is neither true nor false", reply.text)
    return said


_READ: dict[Kind, Callable[[ChatReply, Sequence[str]], int]] = {
    "identity": _read_identity,
    "knowledge": _read_knowledge,
    "rejection": _read_rejection,
}
