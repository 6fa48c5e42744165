"""Interviews of several rounds: an interviewer model asks on, every contestant gets the same first question.

The interviewer sees what was said fenced, and its question is bounded and one paragraph. A talk that breaks off
(somebody says nothing, or an endpoint refuses to answer) is kept with the reason and is in no mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from roletune.errors import RefusedError, ReplyError
from roletune.evaluation.judging.fence import bounded, fence
from roletune.evaluation.judging.rubrics import shown_turns
from roletune.evaluation.replies import Contender, Sampling
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatRequest, chat_messages
from roletune.prompts import Prompt
from roletune.records import Contestant, InterviewItem, InterviewTurn, Message, Profile, Question, fingerprint

LONGEST_QUESTION = 500  # characters
QUESTION_TOKENS = 120


@dataclass(frozen=True)
class Interviewer:
    """Who asks on, and with which prompt."""

    model: ChatModel
    prompt: Prompt
    profile: Profile

    async def ask(self, goal: str, turns: Sequence[InterviewTurn]) -> str:
        """The next question. Raises ReplyError if it is empty."""
        messages = self.prompt.messages(profile=self.profile, goal=fence(goal), turns=shown_turns(turns))
        request = ChatRequest(
            messages=chat_messages(messages), temperature=0.2, max_tokens=QUESTION_TOKENS, seed=len(turns)
        )
        reply = await self.model.complete(request)
        question = " ".join(bounded(reply.text).partition("\n\n")[0].split())[:LONGEST_QUESTION]
        if not question:
            raise ReplyError("the interviewer asked nothing", reply.text)
        return question


def item_id(form: str, question: str, contestant: Contestant, adapter: str) -> str:
    """The same for the same interview of the same weights; it does not tell whose."""
    return fingerprint("interview", form, question, contestant, adapter)


def spread(questions: Sequence[Question], number: int) -> list[Question]:
    """`number` questions, one of each topic in turn, in the order of the file."""
    topics: dict[str, list[Question]] = {}
    for question in questions:
        topics.setdefault(question.topic, []).append(question)
    chosen: list[Question] = []
    for place in range(max(map(len, topics.values()), default=0)):
        chosen += [members[place] for members in topics.values() if place < len(members)]
    return chosen[:number]


async def talk(
    question: Question,
    contestant: Contestant,
    contender: Contender,
    interviewer: Interviewer,
    sampling: Sampling,
    *,
    rounds: int,
    adapter: str,
) -> InterviewItem:
    """One interview; what was said before something failed is kept."""
    turns: list[InterviewTurn] = []
    failed = ""
    asked = question.text
    try:
        for number in range(rounds):
            if number:
                asked = await interviewer.ask(question.text, turns)
            reply = await _reply(question, contender, [*turns, InterviewTurn(question=asked, reply="")], sampling)
            turns.append(InterviewTurn(question=asked, reply=reply))
    except (ReplyError, RefusedError) as error:
        failed = str(error)
    return InterviewItem(
        id=item_id("multi", question.id, contestant, adapter),
        form="multi",
        question=question.id,
        topic=question.topic,
        contestant=contestant,
        turns=tuple(turns),
        failed=failed,
    )


async def _reply(question: Question, contender: Contender, turns: Sequence[InterviewTurn], sampling: Sampling) -> str:
    messages = list(contender.messages(question.model_copy(update={"text": turns[0].question})))
    for before, after in pairwise(turns):
        messages.append(Message(role="assistant", content=bounded(before.reply)))
        messages.append(Message(role="user", content=bounded(after.question)))
    reply = await contender.model.complete(
        ChatRequest(
            messages=chat_messages(messages),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=sampling.seed,
        )
    )
    if not reply.text.strip():
        raise ReplyError("an empty reply", reply.text)
    return reply.text.strip()
