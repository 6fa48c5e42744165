"""Stage `ditto`: queries that one of two roles can answer and the other can't (Ditto, 2401.12474).

The character is paired with other roles. The writer sees both cards and asks what the one knows and the other can't
know: in scope for the first, contrastive for the second, so each query is labelled for both without a judge. Answers
are reading comprehension: the whole card stands before the question. What is trained on has name and short description
only, so that the model learns to act from what it knows itself. The writer may be the character's own base model.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from roletune.engine.duplicates import word_list
from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest
from roletune.prompts import Prompt
from roletune.records import Dialogue, Profile, Provenance, RoleCard, Scene, Turn, fingerprint
from roletune.synthesis.asking import Again, ask_until_read
from roletune.synthesis.labelled import read_blocks
from roletune.synthesis.quality import AnswerQuality
from roletune.synthesis.settings import WritingSettings

Scope = Literal["in scope", "contrastive"]

LABELS = {"question": ("q", "query", "问题", "提问"), "why": ("explanation", "reason", "理由", "说明")}
_RUN = 6  # words in a row that a training prompt may not share with what was stripped


class DittoSettings(WritingSettings):
    """The `ditto:` block of character.yaml."""

    cards: str = Field(default="roles", description="file or folder with the other roles")
    writer: Literal["writer", "base"] = Field(
        default="writer", description="who writes: the bound writer, or the character's own base model as in Ditto"
    )
    count: int = Field(default=20, ge=0, description="pairs of roles, each asked about in both directions")
    queries: int = Field(default=3, ge=1, description="queries asked for in each direction")
    everybody: bool = Field(default=False, description="also make rows of the other roles, as Ditto does")
    card_words: int = Field(default=400, ge=50, description="words of a card in one call, at most")
    partner: str = Field(default="Visitor", min_length=1, description="who asks")
    top_p: float = Field(default=0.8, gt=0, le=1, description="as Ditto")
    max_tokens: int = Field(default=400, ge=50)
    retries: int = Field(default=2, ge=0, description="times a reply that can't be read is asked for again")
    seed: int = Field(default=0, description="of who is paired with whom")
    quality: AnswerQuality = AnswerQuality()


class Pair(NamedTuple):
    """`knows` can answer what is asked, `stranger` can't; `sample` is how often the two met before in this order."""

    knows: RoleCard
    stranger: RoleCard
    sample: int


class Query(NamedTuple):
    """A question, why it fits the pair, and the call that gave it."""

    pair: Pair
    question: str
    why: str
    provenance: Provenance


class AnswerCall(NamedTuple):
    """A query to one of its two roles."""

    query: Query
    role: RoleCard
    scope: Scope


def card_of(profile: Profile) -> RoleCard:
    """The character's own card: the first sentence is what training keeps, passages are its article."""
    first = re.split(r"(?<=[.!?。！？])\s*", profile.description.strip(), maxsplit=1)[0]
    return RoleCard(
        name=profile.name,
        description=first,
        aliases=profile.aliases,
        facts=tuple(f"{fact.name}: {fact.value}" for fact in profile.facts),
        article="\n".join(passage.text for passage in profile.passages),
        source="profile",
    )


def plan_pairs(own: RoleCard, others: Sequence[RoleCard], settings: DittoSettings) -> list[Pair]:
    """`count` meetings in both directions: everybody once before anybody twice, in the order of the seed."""
    strangers = sorted((card for card in others if card.name != own.name), key=lambda card: card.name)
    random.Random(settings.seed).shuffle(strangers)
    pairs = []
    for number in range(settings.count if strangers else 0):
        sample, place = divmod(number, len(strangers))
        pairs += [Pair(own, strangers[place], sample), Pair(strangers[place], own, sample)]
    return pairs


async def write_queries(
    pair: Pair,
    writer: ChatModel,
    *,
    prompt: Prompt,
    settings: DittoSettings,
    again: Again | None = None,
) -> list[Query]:
    """Ask what the one can answer and the other can't. Raises ReplyError if the reply holds no question."""
    cards = {
        "knows": told(pair.knows, settings.card_words),
        "stranger": told(pair.stranger, settings.card_words),
        "names": (pair.knows.name, pair.stranger.name),
    }
    request = _request(prompt, settings, pair.sample, count=settings.queries, **cards)
    return await ask_until_read(
        writer,
        request,
        lambda reply: parse_queries(reply, pair, prompt, writer.name, settings.queries),
        again,
        prompt.example,
    )


def parse_queries(reply: ChatReply, pair: Pair, prompt: Prompt, model: str, count: int) -> list[Query]:
    """The questions of a reply, at most `count`, none twice."""
    made = Provenance(source=f"ditto:{pair.knows.source}", prompt=prompt.hash, model=model, request=reply.key)
    blocks = [block for block in read_blocks(reply, LABELS) if re.search(r"\w", block.get("question", ""))]
    texts = {block["question"].casefold(): block for block in reversed(blocks)}
    queries = [Query(pair, one["question"], one.get("why", ""), made) for one in reversed(texts.values())]
    if not queries:
        raise ReplyError("no question in the reply", reply.text)
    return queries[:count]


def plan_answers(queries: Sequence[Query], own: RoleCard, settings: DittoSettings) -> list[AnswerCall]:
    """Each query to both of its roles, or to the character alone."""
    calls = [
        call
        for query in queries
        for call in (
            AnswerCall(query, query.pair.knows, "in scope"),
            AnswerCall(query, query.pair.stranger, "contrastive"),
        )
    ]
    return [call for call in calls if settings.everybody or call.role.name == own.name]


async def write_answer(
    call: AnswerCall,
    writer: ChatModel,
    *,
    profile: Profile,
    prompt: Prompt,
    system_prompt: Prompt,
    settings: DittoSettings,
    again: Again | None = None,
) -> Dialogue:
    """Ask for the answer with the whole card in view; the row has name and description only.

    Raises ReplyError if there is no answer, or the training prompt holds more of the card than that.
    """
    request = _request(
        prompt,
        settings,
        call.query.pair.sample,
        name=call.role.name,
        card=told(call.role, settings.card_words),
        question=call.query.question,
    )
    answer = await ask_until_read(writer, request, _whole, again)
    system = system_prompt.text(name=call.role.name, description=call.role.description)
    if leaked := unstripped(system, call.role):
        raise ReplyError(f"the training prompt holds more than name and description: {leaked}", answer.text)
    return _row(call, system, answer, profile, prompt, writer.name, settings.partner)


def _whole(reply: ChatReply) -> ChatReply:
    if not re.search(r"\w", reply.text) or reply.finish_reason == "length":
        raise ReplyError("cut off" if reply.finish_reason == "length" else "an empty answer", reply.text)
    return reply


def told(card: RoleCard, words: int) -> str:
    """A card as the writer reads it, at most about `words` words: what is known in short, then the article."""
    head = [f"{card.name}: {card.description}", *([" / ".join(card.aliases)] if card.aliases else []), *card.facts]
    text = "\n".join([*head, card.article]).strip()
    pieces = re.findall(r"\s*(?:[\u2e80-\u9fff]|[^\s\u2e80-\u9fff]+)", text)
    return text if len(pieces) <= words else "".join(pieces[:words]) + " …"


def unstripped(system: str, card: RoleCard) -> str:
    """Six words in a row of a training prompt that are of facts or article, not of the description; '' if none."""
    kept = _runs(f"{card.name} {card.description}")
    stripped = {run for text in (*card.facts, card.article) for run in _runs(text)} - kept
    found = sorted(_runs(system) & stripped)
    return " ".join(found[0]) if found else ""


def _runs(text: str) -> set[tuple[str, ...]]:
    words = word_list(text)
    return {tuple(words[k : k + _RUN]) for k in range(len(words) - _RUN + 1)}


def _request(prompt: Prompt, settings: DittoSettings, sample: int, **values: object) -> ChatRequest:
    return settings.request(prompt.messages((), **values), sample)


def _row(
    call: AnswerCall, system: str, answer: ChatReply, profile: Profile, prompt: Prompt, model: str, partner: str
) -> Dialogue:
    other = call.query.pair.stranger if call.scope == "in scope" else call.query.pair.knows
    provenance = Provenance(source=f"ditto:{call.role.source}", prompt=prompt.hash, model=model, request=answer.key)
    own = profile.is_me(call.role.name)
    return Dialogue(
        id=fingerprint(answer.key, call.role.name, call.query.question),
        scene=Scene(
            id=fingerprint(call.query.provenance.request, call.role.name, call.query.question),
            title=call.query.question,
            present=(partner, call.role.name),
            provenance=call.query.provenance,
        ),
        turns=(Turn(speaker=partner, text=call.query.question), Turn(speaker=call.role.name, text=answer.text.strip())),
        system=system,
        me="" if own else call.role.name,
        origin="generated",
        purpose="instruction" if call.scope == "in scope" else "boundary",
        category=call.scope,
        notes={
            "method": "Ditto",
            "role": call.role.source,
            "other": other.source,
            "why": call.query.why,
        },
        split="train",
        provenance=provenance,
    )
