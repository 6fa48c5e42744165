"""A person and one or several characters in a scene, as a value; a chat with one character is the smallest one.

Everybody knows only what it perceived: a turn that somebody present does not hear, or that is said while somebody is
away, carries its audience, and `view` gives each character its own conversation, from which its prompt, its memories,
its summaries and what it recalls are made. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from roletune.errors import ProjectError
from roletune.inference.conversation import Conversation, printable, turns_of
from roletune.records import Profile, Scene, Turn
from roletune.rendering.persona import Persona

NARRATION = ""  # the speaker of what happens


@dataclass(frozen=True)
class Gathering:
    """`person` talks with `members`; those of `away` perceive nothing. Raises ProjectError if two bear one name."""

    scene: Scene
    person: str
    members: tuple[Persona, ...]
    turns: tuple[Turn, ...] = ()
    away: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for number, member in enumerate(self.members):
            others = [self.person, *(other.profile.name for other in self.members[:number])]
            if taken := [name for name in others if member.profile.is_me(name)]:
                raise ProjectError(f"{taken[0]!r} is {member.profile.name} itself: everybody needs a name of its own.")

    @classmethod
    def of(cls, conversation: Conversation) -> Gathering:
        """A conversation between two."""
        return cls(conversation.scene, conversation.partner, (conversation.persona,), conversation.turns)

    @property
    def names(self) -> tuple[str, ...]:
        """The characters, whether they are here or not."""
        return tuple(member.profile.name for member in self.members)

    @property
    def present(self) -> tuple[str, ...]:
        """The characters that are here."""
        return tuple(name for name in self.names if name not in self.away)

    def view(self, name: str) -> Conversation:
        """The scene as the character `name` lives it."""
        persona = next(member for member in self.members if member.profile.name == name)
        others = tuple(other for other in self.names if other != name)
        return Conversation(persona, self.scene, self.person, self.turns, others)

    def named(self, words: str) -> str:
        """The character that is meant by a name, an alias or a part of a name. Raises ProjectError if there is none."""
        wanted = " ".join(words.split())
        for member in self.members:
            if member.profile.is_me(wanted) or wanted.casefold() in member.profile.name.casefold().split():
                return member.profile.name
        raise ProjectError(f"Nobody is called {wanted!r}. Here are: {', '.join(self.names)}.")

    def say(self, text: str, to: Iterable[str] = ()) -> Gathering:
        """The person says something, to everybody who is here or to some of them only."""
        hearing = [name for name in self.present if name in set(to)] or self.present
        return self._with([Turn(speaker=self.person, text=printable(text).strip())], hearing)

    def answer(self, name: str, text: str) -> Gathering:
        """A character says something, to those who heard what it answers: a whisper is answered in a whisper."""
        heard = self.view(name).heard
        private = heard[-1].audience if heard and heard[-1].speaker == self.person else None
        hearing = [one for one in self.present if private is None or one in private or one == name]
        return self._with(turns_of(name, text), hearing)

    def happens(self, text: str) -> Gathering:
        """Something happens that everybody here perceives."""
        return self._with([Turn(speaker=NARRATION, text=printable(text).strip(), kind="action")], self.present)

    def enter(self, name: str) -> Gathering:
        """A character comes in; it perceives what follows."""
        return replace(self, away=self.away - {name}).happens(f"{name} enters.") if name in self.away else self

    def leave(self, name: str) -> Gathering:
        """A character goes; it perceives nothing of what follows."""
        if name in self.away:
            return self
        gone = self.happens(f"{name} leaves.")
        return replace(gone, away=gone.away | {name})

    def unanswered(self) -> Gathering:
        """Without the last character's last answer; unchanged if a character did not speak last."""
        kept = list(self.turns)
        last = kept[-1].speaker if kept else ""
        while kept and last in self.names and kept[-1].speaker == last:
            kept.pop()
        return replace(self, turns=tuple(kept))

    def unsaid(self) -> Gathering:
        """Without what the person said last and all that followed; unchanged if it said nothing."""
        said = [k for k, turn in enumerate(self.turns) if turn.speaker == self.person]
        return replace(self, turns=self.turns[: said[-1]]) if said else self

    def in_scene(self, scene: Scene) -> Gathering:
        """Another scene with nothing said yet, everybody being there."""
        return replace(self, scene=scene, turns=(), away=frozenset())

    def next_speakers(self) -> tuple[str, ...]:
        """Who speaks next: everybody here who was named in the last turn, in that order, else who was silent longest.

        Nobody answers itself, or what it did not perceive.
        """
        last = self.turns[-1] if self.turns else None
        able = [name for name in self.present if last is None or _can_answer(name, last)]
        if last is None or not able:
            return tuple(able[:1])
        places = {name: _mentioned(self.view(name).profile, last.text) for name in able}
        named = sorted((place, name) for name, place in places.items() if place >= 0)
        if named:
            return tuple(name for _, name in named)
        spoke = {turn.speaker: k for k, turn in enumerate(self.turns)}
        return (min(able, key=lambda name: spoke.get(name, -1)),)

    def _with(self, turns: Sequence[Turn], hearing: Sequence[str]) -> Gathering:
        everybody = set(hearing) == set(self.names)
        audience = None if everybody else (self.person, *hearing)
        told = tuple(turn.model_copy(update={"audience": audience}) for turn in turns if turn.text)
        return replace(self, turns=(*self.turns, *told))


def _can_answer(name: str, turn: Turn) -> bool:
    return turn.speaker != name and (turn.audience is None or name in turn.audience)


def _mentioned(profile: Profile, text: str) -> int:
    """Where a character is named first; -1 if it is not."""
    found = [re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.I) for name in (profile.name, *profile.aliases)]
    return min((match.start() for match in found if match), default=-1)
