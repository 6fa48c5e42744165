"""Who is who in a source, as settings tell it: `gpt` is JARVIS, `Tony` is Tony Stark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from roletune.records import Turn
from roletune.rendering.script import ParsedScene
from roletune.sources.reading import Pair, Reading


def with_speakers(reading: Reading, speakers: Mapping[str, str]) -> Reading:
    """The reading with the printed names in `speakers` replaced, whatever their case, wherever they stand for people.

    A name of nobody's in the source changes nothing. Words within what is said stay as they are.
    """
    if not speakers:
        return reading
    known = {_plain(printed): name for printed, name in speakers.items()}
    return replace(
        reading,
        scenes=tuple(_scene(scene, known) for scene in reading.scenes),
        pairs=tuple(_pair(pair, known) for pair in reading.pairs),
    )


def _scene(scene: ParsedScene, known: Mapping[str, str]) -> ParsedScene:
    headers = dict(scene.headers)
    if "present" in headers:
        headers["present"] = ", ".join(_named(name, known) for name in headers["present"].split(","))
    return replace(scene, headers=headers, turns=[_turn(turn, known) for turn in scene.turns])


def _pair(pair: Pair, known: Mapping[str, str]) -> Pair:
    context = tuple(_turn(turn, known) for turn in pair.context)
    return replace(pair, context=context, speaker=_named(pair.speaker, known))


def _turn(turn: Turn, known: Mapping[str, str]) -> Turn:
    audience = None if turn.audience is None else tuple(_named(name, known) for name in turn.audience)
    return turn.model_copy(update={"speaker": _named(turn.speaker, known), "audience": audience})


def _named(name: str, known: Mapping[str, str]) -> str:
    return known.get(_plain(name), name.strip())


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
