"""One interview, five dimensions, a score from 1 to 7 each, after the interviews of Character-LLM (arXiv 2310.10158).

The rubrics are our own and are files: `judge_interview.md` asks, `rubric_DIMENSION.md` says what the numbers mean. A
judge sees no name of a contestant, the passages that have to do with the interview, and all texts fenced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

from roletune.errors import ReplyError
from roletune.evaluation.judging.answers import Ask, read_object, read_steps
from roletune.evaluation.judging.fence import bounded, fence
from roletune.evaluation.judging.passages import LONGEST, PassageIndex
from roletune.llm.request import ChatReply, ChatRequest, chat_messages
from roletune.prompts import Prompt
from roletune.records import Dimension, InterviewForm, InterviewItem, InterviewTurn, Passage, Profile

DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
DIMENSIONS_OF: Mapping[InterviewForm, tuple[Dimension, ...]] = {
    "single": ("memorisation", "values", "personality", "hallucination"),
    "multi": DIMENSIONS,
}
LOWEST, HIGHEST = 1, 7
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "steps": {"type": "array", "items": {"type": "string"}},
        "score": {"type": "integer", "minimum": LOWEST, "maximum": HIGHEST},
    },
    "required": ["steps", "score"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Desk:
    """What every judge of this character works with: profile, its passages, prompts by name, length of an answer."""

    profile: Profile
    index: PassageIndex
    prompts: Mapping[str, Prompt]
    passages: int
    max_tokens: int

    def evidence(self, turns: Sequence[InterviewTurn]) -> list[Passage]:
        """The passages that have to do with what was asked and said."""
        return self.index.search("\n".join(f"{turn.question}\n{turn.reply}" for turn in turns), self.passages)

    def request(self, prompt: str, attempt: int, schema: dict[str, Any], **values: Any) -> ChatRequest:
        """The same question again is another call, and says that the first answer could not be read."""
        messages = self.prompts[prompt].messages(profile=self.profile, again=attempt > 0, **values)
        return ChatRequest(
            messages=chat_messages(messages),
            temperature=0.0,
            max_tokens=self.max_tokens,
            seed=attempt,
            schema=schema,
            sample=attempt,
        )


def prompt_names() -> tuple[str, ...]:
    """The prompts of the suite."""
    rubrics = tuple(f"rubric_{dimension}" for dimension in DIMENSIONS)
    return ("judge_interview", *rubrics, "interviewer", "judge_pair", "judge_flaws")


class Judged(NamedTuple):
    """A score, and the steps that led to it."""

    score: int
    steps: tuple[str, ...]


def ask_score(desk: Desk, item: InterviewItem, dimension: Dimension) -> Ask[Judged]:
    """The question for one score."""
    values = {
        "rubric": desk.prompts[f"rubric_{dimension}"].text(profile=desk.profile),
        "evidence": shown_passages(desk.evidence(item.turns)),
        "turns": shown_turns(item.turns),
    }

    def read(reply: ChatReply) -> Judged:
        found = read_object(reply, ("steps", "score"), said(item.turns))
        steps = read_steps(found["steps"], reply)
        return Judged(read_score(found["score"], reply), steps)

    return Ask(lambda attempt: desk.request("judge_interview", attempt, SCHEMA, **values), read)


def read_score(value: Any, reply: ChatReply) -> int:
    """A whole number on the scale; '5', 5.5 or true are none. Raises ReplyError."""
    if type(value) is not int or not LOWEST <= value <= HIGHEST:
        raise ReplyError(f"the score is no whole number from {LOWEST} to {HIGHEST}", reply.text)
    return value


def shown_passages(passages: Sequence[Passage]) -> list[str]:
    """Passages as a judge sees them: a source may be hostile too."""
    return [fence(f"{passage.heading}\n{passage.text}"[:LONGEST]) for passage in passages]


def shown_turns(turns: Sequence[InterviewTurn]) -> list[dict[str, str]]:
    """Each question and each reply in a fence of its own, so that a reply can't write the next question."""
    return [{"question": fence(turn.question), "reply": fence(turn.reply)} for turn in turns]


def said(turns: Sequence[InterviewTurn]) -> list[str]:
    """Every text of an interview, as it was and as it is shown."""
    texts = [text for turn in turns for text in (turn.question, turn.reply)]
    return [*texts, *map(bounded, texts)]
