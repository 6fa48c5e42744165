"""Replies that somebody preferred to others: the swipes of a chat as records, for training on preferences."""

from __future__ import annotations

from collections.abc import Iterator

from roletune.records import Dialogue, Message, PreferencePair, Profile, Turn, fingerprint
from roletune.rendering.persona import Persona
from roletune.rendering.viewpoint import compile_example, exchanges, spoken
from roletune.sources.cards.script import turns_of
from roletune.sources.cited import Cited
from roletune.sources.dialogues import dialogue_of, named
from roletune.sources.reading import Pair, Reading
from roletune.sources.splits import SplitSettings


def preferences_of(reading: Reading, cited: Cited, persona: Persona, splits: SplitSettings) -> Iterator[PreferencePair]:
    """The pairs of a source in which the character replies to somebody, in its order; they share their scene's split.

    The prompt is what the character perceived before, and the replies are written, as training tells it.
    """
    if not reading.scenes or not reading.pairs:
        return
    profile = persona.profile
    scene = dialogue_of(reading.scenes[0], cited, profile, splits)
    for pair in reading.pairs:
        prompt = _prompt(scene, pair, persona) if profile.is_me(pair.speaker) else ()
        chosen, rejected = _reply(pair.chosen, profile), _reply(pair.rejected, profile)
        if prompt and chosen != rejected:
            yield PreferencePair(
                id=fingerprint(scene.provenance.source, pair.line, pair.chosen, pair.rejected),
                prompt=prompt,
                chosen=chosen,
                rejected=rejected,
                origin="swipes",
                dialogue=scene.id,
                split=scene.split,
                provenance=scene.provenance,
            )


def _prompt(scene: Dialogue, pair: Pair, persona: Persona) -> tuple[Message, ...]:
    """What stands before the reply; nothing if the character itself spoke last, or nobody did."""
    before = [named(turn, persona.profile) for turn in pair.context]
    turns = (*before, Turn(speaker=persona.profile.name, text=pair.chosen))
    example = compile_example(scene.model_copy(update={"turns": turns}), persona)
    if not example or not before or persona.profile.is_me(before[-1].speaker):
        return ()
    found = exchanges(example)
    return found[-1].prompt if found else ()


def _reply(text: str, profile: Profile) -> str:
    turns = list(turns_of(profile.name, text)) or [Turn(speaker=profile.name, text=text)]
    return spoken(turns, profile, ())[0].content
