"""Stage `plots`: passage -> plot -> question -> dialogue, a small variant of scenes and experiences (2406.00627).

The writer first says where something happens, with whom, and what the other one asks; then it plays that out from the
question on. So each dialogue is about one question, where those of `experiences` go where they like.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from pydantic import Field

from roletune.engine.duplicates import jaccard, words_of
from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest
from roletune.prompts import Prompt
from roletune.records import Dialogue, Passage, Profile, Provenance, Scene, fingerprint
from roletune.synthesis.asking import Again, ask_until_read
from roletune.synthesis.experiences import parse_experience, provenance_of
from roletune.synthesis.labelled import read_blocks
from roletune.synthesis.quality import QualitySettings
from roletune.synthesis.settings import PassageCall, WritingSettings

LABELS = {
    "place": ("plot site", "site", "地点"),
    "partner": ("with", "supporting character", "对方", "人物"),
    "plot": ("what happens", "情节", "经过"),
    "question": ("q", "问题", "提问"),
}


class PlotSettings(WritingSettings):
    """The `plots:` block of character.yaml."""

    count: int = Field(default=20, ge=0, description="plots to ask for, spread over the passages; two calls each")
    quality: QualitySettings = QualitySettings()


class Plot(NamedTuple):
    """Where something happens, with whom, and what the other one asks."""

    scene: Scene
    partner: str
    question: str


async def write_plot(
    call: PassageCall,
    writer: ChatModel,
    *,
    profile: Profile,
    prompt: Prompt,
    dialogue_prompt: Prompt,
    settings: PlotSettings,
    again: Again | None = None,
) -> Dialogue:
    """Ask for a plot, then for its dialogue. Raises ReplyError if one of them can't be read."""

    def request(asked: Prompt, **values: object) -> ChatRequest:
        return settings.request(asked.messages((), profile=profile, passage=call.passage, **values), call.sample)

    def read(reply: ChatReply) -> Plot:
        return parse_plot(reply, call.passage, profile, prompt, writer.name)

    plot = await ask_until_read(writer, request(prompt), read, again, prompt.example)
    asked = request(dialogue_prompt, scene=plot.scene, partner=plot.partner, question=plot.question)
    return await ask_until_read(
        writer,
        asked,
        lambda reply: parse_answer(reply, plot, profile, dialogue_prompt, writer),
        again,
        dialogue_prompt.example,
    )


def parse_plot(reply: ChatReply, passage: Passage, profile: Profile, prompt: Prompt, model: str) -> Plot:
    """The plot of a reply. Raises ReplyError if a part of it is missing, or nobody else is in it."""
    block = next(iter(read_blocks(reply, LABELS)), {})
    lacking = next((name for name in LABELS if not re.search(r"\w", block.get(name, ""))), "")
    if lacking:
        raise ReplyError(f"no {lacking} in the reply", reply.text)
    if profile.is_me(block["partner"]):
        raise ReplyError("nobody else is in the plot", reply.text)
    provenance = Provenance(
        source=f"passage:{passage.id}", passage=passage.id, prompt=prompt.hash, model=model, request=reply.key
    )
    scene = Scene(
        id=fingerprint(reply.key, block),
        title=block["question"],
        location=block["place"],
        background=block["plot"],
        present=(block["partner"], profile.name),
        provenance=provenance,
    )
    return Plot(scene, block["partner"], block["question"])


def parse_answer(reply: ChatReply, plot: Plot, profile: Profile, prompt: Prompt, writer: ChatModel) -> Dialogue:
    """The dialogue from the question on; a writer may begin with the question, or with the answer to it."""
    provenance = provenance_of(plot.scene.provenance, prompt, writer, reply)
    opened = parse_experience(
        replace(reply, text=f"{plot.partner}: {plot.question}\n\n{reply.text}"), plot.scene, profile, provenance
    )
    first, second, *rest = opened.turns
    if jaccard(words_of(first.text), words_of(second.text)) >= 0.7:
        opened = opened.model_copy(update={"turns": (first, *rest)})
    if not any(profile.is_me(turn.speaker) and turn.kind == "speech" for turn in opened.turns):
        raise ReplyError("no line of the character in the reply", reply.text)
    return opened.model_copy(update={"notes": {**opened.notes, "method": "plot, question, dialogue"}})
