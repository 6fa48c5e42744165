"""What the stages share in which the writer writes: asking, examples from the train split, keeping what is good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Literal, Protocol, TypeVar

from roletune.engine.runner import Outcome, run
from roletune.engine.store import read_records
from roletune.errors import RefusedError, ReplyError
from roletune.records import Dialogue, Profile, Rejection, fingerprint
from roletune.synthesis.asking import Again
from roletune.synthesis.quality import AnswerQuality, QualitySettings, judge
from roletune.workbench import Workbench

T = TypeVar("T")
R = TypeVar("R")


class Named(Protocol):
    """A record with an identity."""

    @property
    def id(self) -> str:
        """What tells it from every other one."""


N = TypeVar("N", bound=Named)

_OF_ONE_CALL = (ReplyError, RefusedError)  # says nothing about the next call


async def ask_each(
    bench: Workbench,
    stage: str,
    calls: Sequence[T],
    work: Callable[[T], Awaitable[R]],
    role: Literal["writer", "judge", "base"] = "writer",
) -> tuple[list[R], list[Rejection]]:
    """What the writer, or who else is asked, made of every call, in order, and what came back in vain.

    A reply that can't be used is a rejection with its raw text, and so is a request that the endpoint won't answer.
    Any other error on purpose (the endpoint is gone, the budget is spent) stops the stage instead of emptying it: no
    further call is begun, those under way are finished and kept, and the error is raised.
    """
    stopped = False

    def while_it_goes() -> Iterator[T]:
        for call in calls:
            if stopped:
                return
            yield call

    with bench.progress.task(f"writing {stage}", len(calls), "calls") as task:

        def on_done(outcome: Outcome[T, R]) -> None:
            nonlocal stopped
            stopped = stopped or not (outcome.ok or isinstance(outcome.error, _OF_ONE_CALL))
            task.advance(1)

        outcomes = await run(while_it_goes(), work, concurrency=bench.concurrency(role), on_done=on_done)
    if stopped:
        answered = sum(outcome.ok or isinstance(outcome.error, _OF_ONE_CALL) for outcome in outcomes)
        bench.progress.say(f"{stage}: stopped after {answered} of {len(calls)} calls; their replies are kept")
    values = [outcome.value for outcome in outcomes if outcome.value is not None]
    return values, [_rejection(stage, outcome) for outcome in outcomes if outcome.error]


def again(bench: Workbench, times: int) -> Again:
    """How a reply that can't be read is asked for again."""
    return Again(bench.prompt("again"), times)


def _rejection(stage: str, outcome: Outcome[T, R]) -> Rejection:
    error = outcome.error
    if isinstance(error, RefusedError):
        return Rejection(stage=stage, reason="refused by the endpoint", detail=str(error), record={"raw": ""})
    if not isinstance(error, ReplyError):
        assert error is not None
        raise error
    return Rejection(stage=stage, reason=str(error), record={"raw": error.raw})


def keep_good(
    bench: Workbench, stage: str, made: Sequence[Dialogue], failed: Sequence[Rejection], quality: QualitySettings
) -> str:
    """Filter what the writer made, keep and list; returns the sentence about it."""
    good, bad = part_good(stage, made, bench.profile, quality)
    kept = bench.keep(stage, good, [*failed, *bad], Dialogue)
    return f"{len(kept)} dialogues kept of {len(made) + len(failed)} written"


def part_good(
    stage: str, made: Sequence[Dialogue], profile: Profile, quality: AnswerQuality
) -> tuple[list[Dialogue], list[Rejection]]:
    """What the quality filters let through, and the rest with their reasons."""
    reasons = [judge(dialogue, profile, quality) for dialogue in made]
    good = [dialogue for dialogue, reason in zip(made, reasons, strict=True) if not reason]
    bad = [
        Rejection(stage=stage, reason=reason, record=dialogue.model_dump(mode="json"))
        for dialogue, reason in zip(made, reasons, strict=True)
        if reason
    ]
    return good, bad


def train_dialogues(bench: Workbench) -> list[Dialogue]:
    """What prompts may show: the train split of the sources."""
    return [dialogue for dialogue in read_dialogues_of(bench, "dialogues") if dialogue.split == "train"]


def read_dialogues_of(bench: Workbench, stage: str) -> list[Dialogue]:
    """The dialogues a stage kept."""
    return read_records(bench.project.records(stage), Dialogue)


def partners_of_all(dialogues: Sequence[Dialogue], profile: Profile) -> list[str]:
    """Who speaks with the character, those who do so most first."""
    count: dict[str, int] = {}
    for dialogue in dialogues:
        for name in {turn.speaker for turn in dialogue.turns if turn.kind == "speech"}:
            count[name] = count.get(name, 0) + (not profile.is_me(name))
    return sorted((name for name in count if count[name]), key=lambda name: (-count[name], name)) or ["Visitor"]


def examples_for(call: Sequence[object], items: Sequence[N], count: int) -> list[N]:
    """`count` of the items as examples, others for each call, which `call` names by what it is about.

    By what it is about, not by its place in the plan, so that a new passage, scene or lure changes no other call; each
    item has its own rank, so that a new one changes only the calls that it is an example for.
    """
    return sorted(items, key=lambda item: fingerprint(*call, item.id))[:count]


def writing_settings(bench: Workbench, stage: str) -> tuple[str, str]:
    """The prompt and the writer decide what is written."""
    return f"{bench.prompt(stage).hash} {bench.prompt('again').hash}", bench.ask("writer", stage).identity
