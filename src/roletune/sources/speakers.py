"""Who speaks in the sources, and who of them may be the character under a name that the settings don't list.

Otherwise JARVIS, J.A.R.V.I.S. and Jarvis (V.O.) are three people, of which two are trained as strangers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from roletune.records import Profile, Speaker
from roletune.rendering.script import ParsedScene
from roletune.sources.scripts.utterances import UNNAMED

# What stands around a name without being of it: "Jarvis (V.O.)", "Voice of JARVIS", "JARVIS's voice", "Jarvis #2".
_AROUND = re.compile(
    r"\([^()]*\)|\[[^\[\]]*\]|^(?:the )?voice of |['’]s voice$|\bvoice$|^(?:young|old|older|younger) |[#\d]+$", re.I
)
_ALL = {"all", "both", "everybody", "everyone", "others", "crowd", "narrator"}


@dataclass
class _Count:
    speeches: int = 0
    words: int = 0
    scenes: set[tuple[str, int]] = field(default_factory=set)


def count_speakers(scenes: Iterable[tuple[str, ParsedScene]], profile: Profile) -> tuple[Speaker, ...]:
    """Everybody who speaks in (source, scene), by printed name, those with most speeches first."""
    counts: dict[str, _Count] = {}
    for source, scene in scenes:
        last, directed = "", False
        for turn in scene.turns:
            if turn.kind == "speech" and turn.speaker:
                count = counts.setdefault(turn.speaker, _Count())
                # A stage direction within a speech does not make two of it.
                count.speeches += not (directed and turn.speaker == last)
                count.words += len(turn.text.split())
                count.scenes.add((source, scene.line))
            last, directed = turn.speaker or last, turn.kind == "action"
    return tuple(
        Speaker(
            name=name,
            speeches=count.speeches,
            words=count.words,
            scenes=len(count.scenes),
            character=profile.is_me(name),
            hint=hint(name, profile),
        )
        for name, count in sorted(counts.items(), key=lambda item: (-item[1].speeches, item[0]))
    )


def hint(name: str, profile: Profile) -> str:
    """Why `name` may be the character although neither name nor alias says so, "" if nothing points to it."""
    if profile.is_me(name):
        return ""
    if name == UNNAMED:
        return "nobody is named for these"
    bare = _AROUND.sub("", name.strip()).strip(" ,-–:")
    known = (profile.name, *profile.aliases)
    if bare.casefold() in _ALL or not bare:
        return ""
    if _letters(bare) in {_letters(each) for each in known}:
        return f"looks like an alias of {profile.name}"
    words = set(re.findall(r"\w{3,}", bare.casefold()))
    whole = next((each for each in known if words and words <= set(re.findall(r"\w{3,}", each.casefold()))), "")
    return f"may be {whole}" if whole else ""


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()
