"""RoCIT (RoleLLM): an instruction becomes a training row, in one of its two ways to customise a model.

    persona      the persona prompt that chat and evaluation use: nothing else to remember when the adapter is used
    system       RoleLLM's system instruction: name, description, catchphrases and the task
    retrieval    a short instruction, and the exchanges of the character that share most words with the question (BM25)

Loss is on the answer alone. What is shown comes from the train split, and never from what the question was made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from roletune.engine.retrieval import Bm25
from roletune.prompts import Prompt
from roletune.records import Dialogue, Profile, Scene, Turn, fingerprint
from roletune.synthesis.instructions import Instruction, InstructionSettings


class Exchange(NamedTuple):
    """What somebody said and what the character answered, from one source."""

    said: Turn
    answered: Turn
    source: str


class Exchanges:
    """The character's exchanges in the train split, found by the words of what was said to it."""

    def __init__(self, dialogues: Sequence[Dialogue], profile: Profile) -> None:
        self.exchanges = [pair for one in dialogues if one.split == "train" for pair in _exchanges(one, profile)]
        self._index = Bm25([f"{pair.said.text} {pair.answered.text}" for pair in self.exchanges])

    def like(self, question: str, number: int, without: str) -> list[Exchange]:
        """At most `number`, the best last (next to the question), none from the source `without`."""
        ranked = [self.exchanges[place] for place in self._index.search(question, len(self.exchanges))]
        return [pair for pair in ranked if pair.source != without][:number][::-1]


def _exchanges(dialogue: Dialogue, profile: Profile) -> list[Exchange]:
    speech = [turn for turn in dialogue.turns if turn.kind == "speech"]
    return [
        Exchange(said, answered, dialogue.provenance.source)
        for said, answered in pairwise(speech)
        if profile.is_me(answered.speaker) and not profile.is_me(said.speaker)
    ]


def rocit_dialogue(
    instruction: Instruction, profile: Profile, settings: InstructionSettings, prompt: Prompt, exchanges: Exchanges
) -> Dialogue:
    """The instruction as one exchange with the character, in the variant that the settings name."""
    partner, variant = settings.partner, settings.variant
    source = instruction.provenance.source
    found = exchanges.like(instruction.question, settings.retrieved, source) if variant == "retrieval" else []
    shown = tuple(turn for pair in found for turn in (pair.said.model_copy(update={"speaker": partner}), pair.answered))
    return Dialogue(
        id=instruction.id,
        scene=Scene(
            id=fingerprint(instruction.id),
            title=instruction.question,
            present=(partner, profile.name),
            provenance=instruction.provenance,
        ),
        turns=(
            Turn(speaker=partner, text=instruction.question),
            Turn(speaker=profile.name, text=instruction.answer),
        ),
        system="" if variant == "persona" else prompt.text(profile=profile, variant=variant),
        shown=shown,
        origin="generated",
        purpose="instruction",
        category=instruction.knowledge,
        notes={
            "method": "Context-Instruct",
            "variant": variant,
            "confidence": f"{instruction.confidence:g}",
            "rationale": instruction.rationale,
        },
        split="train",
        provenance=instruction.provenance,
    )
