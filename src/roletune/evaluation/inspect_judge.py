"""Our interview's judge inside inspect_ai: its models of the role `grader` as ChatModels, and a scorer on our rubrics.

Guarantees: the same prompts, evidence, strict reading and re-asking as the suite `interview`; a dimension that could
not be read is unscored, which the metrics leave out and the explanation tells.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roletune.engine.progress import SilentProgress
from roletune.errors import EndpointError
from roletune.evaluation.judging.rubrics import DIMENSIONS_OF, Desk
from roletune.evaluation.judging.talks import item_id
from roletune.evaluation.judging.verdicts import ask_judges, plan, with_scores
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest
from roletune.records import InterviewItem, InterviewTurn, JudgeScore

if TYPE_CHECKING:
    from inspect_ai.model import Model
    from inspect_ai.scorer import Scorer

ROLE = "grader"


@dataclass(frozen=True)
class InspectModel:
    """A model of inspect_ai as a ChatModel. A schema is not passed on: answers are read tolerantly anyway."""

    model: Model

    @property
    def identity(self) -> str:
        """Its name in inspect_ai, which keeps replies itself."""
        return f"inspect_ai/{self.model}"

    @property
    def name(self) -> str:
        """What inspect_ai calls it."""
        return str(self.model)

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The whole reply; EndpointError if inspect_ai gives none."""
        from inspect_ai.model import (
            ChatMessage,
            ChatMessageAssistant,
            ChatMessageSystem,
            ChatMessageUser,
            GenerateConfig,
        )

        kinds: dict[str, Callable[..., ChatMessage]] = {
            "system": ChatMessageSystem,
            "user": ChatMessageUser,
            "assistant": ChatMessageAssistant,
        }
        config = GenerateConfig(
            temperature=request.temperature, top_p=request.top_p, max_tokens=request.max_tokens, seed=request.seed
        )
        messages = [kinds[message["role"]](content=message["content"]) for message in request.messages]
        output = await self.model.generate(messages, config=config)
        if output.error or not output.choices:
            raise EndpointError(f"{self.name} did not answer: {output.error or 'no choice'}. Try again.")
        cut = output.stop_reason == "max_tokens"
        used = output.usage
        return ChatReply(
            text=output.completion,
            finish_reason="length" if cut else "stop",
            prompt_tokens=used.input_tokens if used else 0,
            completion_tokens=used.output_tokens if used else 0,
            seconds=output.time or 0.0,
            key=request.key(self.identity),
        )

    async def stream(
        self, request: ChatRequest, on_end: Callable[[ChatReply], None] | None = None
    ) -> AsyncIterator[str]:
        """The whole reply in one piece: inspect_ai does not stream."""
        reply = await self.complete(request)
        yield reply.text
        if on_end:
            on_end(reply)


def interview_scorer(desk: Desk, *, attempts: int) -> Scorer:
    """Scores from 1 to 7 in every dimension of a single question, by the model of the role `grader`."""
    from inspect_ai.model import get_model
    from inspect_ai.scorer import Score, Target, scorer
    from inspect_ai.solver import TaskState

    metrics = {dimension: [_mean_of_scored()] for dimension in DIMENSIONS_OF["single"]}

    @scorer(metrics=metrics, name="interview")
    def build() -> Any:
        async def score(state: TaskState, target: Target) -> Score:
            judge = InspectModel(get_model(role=ROLE))
            scores = await judge_item(desk, _item(state.input_text, state.output.completion), judge, attempts)
            return Score(
                value={one.dimension: math.nan if one.score is None else one.score for one in scores},
                answer=state.output.completion,
                explanation="\n".join(
                    f"{one.dimension}: unscored, {one.reason}" for one in scores if one.score is None
                ),
                metadata={"judge": judge.name, "scores": [one.model_dump() for one in scores]},
            )

        return score

    return build()


async def judge_item(desk: Desk, item: InterviewItem, judge: ChatModel, attempts: int) -> tuple[JudgeScore, ...]:
    """One judge's scores of one interview, as the suite gets them."""
    calls = plan(desk, [item], [judge.name], pairs=False, flaws=False)
    answers = await ask_judges(calls, {judge.name: judge}, attempts=attempts, concurrency=2, progress=SilentProgress())
    return with_scores(desk, item, [judge.name], answers).scores


def _item(question: str, reply: str) -> InterviewItem:
    return InterviewItem(
        id=item_id("single", question, "inspect_ai", reply),
        form="single",
        question=question,
        topic="",
        contestant="adapter",
        turns=(InterviewTurn(question=question, reply=reply.strip()),),
    )


def _mean_of_scored() -> Any:
    """The mean over what was scored; nan if nothing was."""
    from inspect_ai.scorer import metric

    @metric(name="mean")
    def build() -> Callable[[list[Any]], float]:
        def mean(scores: list[Any]) -> float:  # of SampleScore; inspect_ai evaluates the annotation
            known = [value for one in scores if not math.isnan(value := one.score.as_float())]
            return sum(known) / len(known) if known else math.nan

        return mean

    return build()
