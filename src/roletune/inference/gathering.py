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
from roletune.records import GroupScene, Profile, Scene, Turn
from roletune.rendering.persona import Persona

NARRATION = ""  # the speaker of what happens
NARRATOR = "Narrator"  # what whoever tells it is called in commands and choices
_QUIET_ROUNDS = 2  # in which everybody may speak before something happens again


@dataclass(frozen=True)
class Gathering:
    """`person` talks with `members`; those of `away` perceive nothing. Raises ProjectError if two bear one name.

    With a `narrator` something happens now and then: it has a turn of its own, and is in nobody's way.
    """

    scene: Scene
    person: str
    members: tuple[Persona, ...]
    turns: tuple[Turn, ...] = ()
    away: frozenset[str] = frozenset()
    narrator: str = ""

    def __post_init__(self) -> None:
        for number, member in enumerate(self.members):
            others = [
                self.person,
                *filter(None, [self.narrator]),
                *(other.profile.name for other in self.members[:number]),
            ]
            if taken := [name for name in others if member.profile.is_me(name)]:
                raise ProjectError(f"{taken[0]!r} is {member.profile.name} itself: everybody needs a name of its own.")

    @classmethod
    def of(cls, conversation: Conversation) -> Gathering:
        """A conversation between two."""
        return cls(conversation.scene, conversation.partner, (conversation.persona,), conversation.turns)

    @classmethod
    def from_record(cls, record: GroupScene, personas: Iterable[Persona]) -> Gathering:
        """A scene that was kept, with those of `personas` who are in it. Raises ProjectError if one is missing."""
        known = {persona.profile.name: persona for persona in personas}
        if missing := [name for name in record.characters if name not in known]:
            raise ProjectError(f"{' and '.join(missing)} is in this scene, and is not here. Open it with all of them.")
        members = tuple(known[name] for name in record.characters)
        away = frozenset(record.away)
        return cls(record.scene, record.person, members, record.turns, away, record.narrator)

    @property
    def record(self) -> GroupScene:
        """All of it that is to be kept."""
        return GroupScene(
            scene=self.scene,
            person=self.person,
            characters=self.names,
            away=tuple(name for name in self.names if name in self.away),
            narrator=self.narrator,
            turns=self.turns,
        )

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

    @property
    def common(self) -> tuple[Turn, ...]:
        """What everybody who is here perceived: all that may be told to all of them."""
        return tuple(turn for turn in self.turns if turn.kind != "thought" and _reaches(turn, self.present))

    @property
    def able(self) -> tuple[str, ...]:
        """The characters that can speak next: nobody answers itself, or what it did not perceive."""
        last = self.turns[-1] if self.turns else None
        return tuple(name for name in self.present if last is None or _can_answer(name, last))

    @property
    def called(self) -> tuple[str, ...]:
        """Those of them who were named in the last turn, in that order."""
        last = self.turns[-1].text if self.turns else ""
        places = {name: _mentioned(self.view(name).profile, last) for name in self.able}
        return tuple(name for _, name in sorted((place, name) for name, place in places.items() if place >= 0))

    @property
    def silent_longest(self) -> tuple[str, ...]:
        """The one of them who has not spoken for longest."""
        spoke = {turn.speaker: k for k, turn in enumerate(self.turns)}
        return tuple(sorted(self.able, key=lambda name: spoke.get(name, -1))[:1])

    @property
    def can_be_narrated(self) -> bool:
        """Whether something may happen now: there is a narrator, and everybody here has perceived the last turn."""
        last = self.turns[-1] if self.turns else None
        return bool(self.narrator) and (last is None or (last.speaker != NARRATION and _reaches(last, self.present)))

    def next_speakers(self) -> tuple[str, ...]:
        """Who speaks next, by rule: everybody who was named in the last turn, else whoever was silent longest.

        After some quiet rounds the narrator speaks before.
        """
        if self.called:
            return self.called
        happened = [k + 1 for k, turn in enumerate(self.turns) if turn.speaker == NARRATION]
        quiet = len(self.turns) - (happened[-1] if happened else 0)
        due = self.can_be_narrated and quiet >= _QUIET_ROUNDS * (len(self.present) + 1)
        return (*([self.narrator] if due else []), *self.silent_longest)

    def next_characters(self) -> tuple[str, ...]:
        """The same without the narrator."""
        return self.called or self.silent_longest

    def _with(self, turns: Sequence[Turn], hearing: Sequence[str]) -> Gathering:
        everybody = set(hearing) == set(self.names)
        audience = None if everybody else (self.person, *hearing)
        told = tuple(turn.model_copy(update={"audience": audience}) for turn in turns if turn.text)
        return replace(self, turns=(*self.turns, *told))


def _reaches(turn: Turn, names: Iterable[str]) -> bool:
    return turn.audience is None or set(names) <= {turn.speaker, *turn.audience}


def _can_answer(name: str, turn: Turn) -> bool:
    return turn.speaker != name and (turn.audience is None or name in turn.audience)


def _mentioned(profile: Profile, text: str) -> int:
    """Where a character is named first; -1 if it is not."""
    found = [re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.I) for name in (profile.name, *profile.aliases)]
    return min((match.start() for match in found if match), default=-1)
