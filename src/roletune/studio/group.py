"""A scene with several characters in the studio, as a value: who is there, what was said, and who is speaking.

Guarantees: everybody is given only what it perceived (`Gathering`), also after the scene was kept and gone on with; a
line is spoken whole or not at all, except by somebody who stops it, who keeps what was spoken; with `chat.autosave` of
the first character the scene is kept in its journal after every line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from roletune.errors import ProjectError, ReplyError, SourceError
from roletune.inference.actor import Actor
from roletune.inference.chat_file import ChatFile
from roletune.inference.conversation import chat_scene, printable
from roletune.inference.directing import Director
from roletune.inference.gathering import NARRATOR, Gathering
from roletune.inference.settings import GroupSettings
from roletune.inference.transcript import speaker_name
from roletune.records import GroupScene, Turn
from roletune.rendering.viewpoint import perceived
from roletune.studio.troupe import Player, Troupe
from roletune.verbs.load import read_backstage, read_persona
from roletune.verbs.talk import Stages, make_director

CHATS = "chats"  # in the journal


@dataclass(frozen=True)
class Group:
    """`cast` are the characters' names in the studio; `answers` are of whoever spoke last, `shown` is the one in use.

    `speaker` has said `partial` so far. With `thoughts` the characters' are asked for and shown.
    """

    cast: tuple[str, ...]
    gathering: Gathering
    file: ChatFile
    settings: GroupSettings
    thoughts: bool = False
    answers: tuple[str, ...] = ()
    shown: int = 0
    speaker: str = ""
    partial: str = ""

    def say(self, text: str, to: Iterable[str] = ()) -> Group:
        """The person says something, to all who are here or to some; unchanged if that is nothing.

        Raises ProjectError if nobody is here to answer, or somebody to whom it is said is not.
        """
        if not printable(text).strip():
            return self
        to = list(to)
        if not self.gathering.present:
            raise ProjectError("Nobody is here to answer. Let somebody come in first.")
        if away := [name for name in to if name not in self.gathering.present]:  # else all the others would hear it
            told = f"{' and '.join(away)} {'is' if len(away) == 1 else 'are'} not in the room."
            raise ProjectError(f"{told} Let them come in first, or say it to others.")
        return self.changed(self.gathering.say(text, to))

    def happens(self, text: str) -> Group:
        """Something happens that everybody here perceives; unchanged if that is nothing."""
        return self.changed(self.gathering.happens(text)) if printable(text).strip() else self

    def with_present(self, names: Iterable[str]) -> Group:
        """Those come in, the others go."""
        wanted, gathering = set(names), self.gathering
        for name in gathering.names:
            gathering = gathering.enter(name) if name in wanted else gathering.leave(name)
        return self if gathering is self.gathering else self.changed(gathering)

    def thinking(self, shown: bool) -> Group:
        """Thoughts are asked for and shown, or not."""
        return replace(self, thoughts=shown)

    def taken_back(self) -> Group:
        """Without what the person said last and all that followed."""
        return self.changed(self.gathering.unsaid())

    def choose(self, number: int) -> Group:
        """Another one of the answers of whoever spoke last; unchanged if there is none of this number."""
        if not 0 <= number < len(self.answers):
            return self
        spoken = self.gathering.unanswered().answer(self.last_speaker, self.answers[number])
        return replace(self, gathering=spoken, shown=number)

    def speaking(self, before: Gathering, name: str, text: str = "") -> Group:
        """A line as far as it is spoken, after what was `before`."""
        return replace(self, gathering=before, speaker=name, partial=text)

    def spoken(self) -> Group:
        """The line that was being spoken, as one more answer of who speaks it; a narrator's is what happens."""
        if self.speaker == self.gathering.narrator:
            return self.changed(self.gathering.happens(self.partial))
        answers = (*self.answers, self.partial.strip())
        said = self.gathering.answer(self.speaker, self.partial)
        return replace(self, gathering=said, answers=answers, shown=len(answers) - 1, speaker="", partial="")

    def silent(self) -> Group:
        """Without what is being spoken; what was to be said in other words is said as before."""
        scene = self.gathering
        if self.speaker and self.answers:
            scene = scene.answer(self.speaker, self.answers[self.shown])
        return replace(self, gathering=scene, speaker="", partial="")

    def changed(self, gathering: Gathering) -> Group:
        """The scene has gone on: there are no other answers to choose from."""
        return replace(self, gathering=gathering, answers=(), shown=0, speaker="", partial="")

    @property
    def last_speaker(self) -> str:
        """The character that spoke last; empty if somebody else did."""
        last = self.gathering.turns[-1].speaker if self.gathering.turns else ""
        return last if last in self.gathering.names else ""

    @property
    def being_spoken(self) -> Gathering:
        """The scene with what is being spoken."""
        whole = self.speaker in self.gathering.names and self.partial
        return self.gathering.answer(self.speaker, self.partial) if whole else self.gathering

    def seen(self, scene: Gathering, name: str = "") -> tuple[Turn, ...]:
        """What one of them perceived of a scene, or the person: of thoughts its own at most, and only if asked for."""
        if name:
            return perceived(scene.turns, scene.view(name).profile, thoughts=self.thoughts)
        return tuple(turn for turn in scene.turns if self.thoughts or turn.kind != "thought")


def begin(
    troupe: Troupe, cast: Iterable[str], *, person: str = "", scene: str = "", settings: GroupSettings | None = None
) -> Group:
    """A new scene with those of `cast`, everybody being there; what is not given is the first one's setting.

    Raises ProjectError for less than two, and for names that can't be told apart.
    """
    wanted = set(cast)
    names = tuple(name for name in troupe.players if name in wanted)
    if len(names) < 2:
        raise ProjectError("A scene needs two characters or more. Choose them below, and begin.")
    players = [troupe.player(name) for name in names]
    first = players[0].project.character.chat
    settings, personas = settings or first.group, tuple(read_persona(one.project) for one in players)
    person = speaker_name(person.strip() or first.partner)
    present = (person, *(persona.profile.name for persona in personas))
    place = chat_scene("" if scene.strip() else first.location, scene.strip() or first.background, present)
    gathering = Gathering(place, person, personas, narrator=NARRATOR if settings.narrator else "")
    if len(set(gathering.names)) < len(names):
        raise ProjectError("Two of them have the same name: everybody in a scene needs a name of its own.")
    return Group(names, gathering, ChatFile(players[0].project.journal / CHATS), settings)


async def go_on(troupe: Troupe, group: Group, strength: float, who: str = "") -> AsyncIterator[Group]:
    """Whoever is next speaks, one after another, or the one called `who`; each line as it is spoken.

    Raises EndpointError, ModelError or RenderError if one can't, ReplyError if it said nothing, and ProjectError if
    nobody can speak.
    """
    async with troupe.together(group.cast) as stages:
        director = _director(troupe, group, stages)
        scene = group.gathering
        if who and who == group.last_speaker:
            raise ProjectError(f"{who} spoke last. Ask for another answer, or let somebody else go on.")
        names = (who,) if who else await director.next_speakers(scene)
        if not names or names[0] not in (*scene.present, scene.narrator):
            raise ProjectError("Nobody can speak next: whoever is here spoke last. Say something, or let somebody in.")
        for name in names:
            group = replace(group, answers=(), shown=0)
            if name == group.gathering.narrator:
                yield group.speaking(group.gathering, name)
                told = await director.narration(group.gathering)
                group = group.speaking(group.gathering, name, told).spoken() if told else group
                save(troupe, group)
                yield group
                continue
            async for now in _line(troupe, group, stages, name, strength):
                group = now
                yield group


async def again(troupe: Troupe, group: Group, strength: float) -> AsyncIterator[Group]:
    """One more answer of the character that spoke last. Raises as `go_on`."""
    name = group.last_speaker
    if not name:
        raise ProjectError("No character spoke last, so there is nothing to say in other words.")
    async with troupe.together(group.cast) as stages:
        async for now in _line(troupe, group, stages, name, strength):
            yield now


def stop(troupe: Troupe, group: Group) -> Group:
    """What was spoken until now is the line."""
    if not group.partial:
        return group.silent()
    done = group.spoken()
    save(troupe, done)
    return done


def save(troupe: Troupe, group: Group) -> None:
    """Keep the scene, if the first character's settings say so."""
    if troupe.player(group.cast[0]).project.character.chat.autosave and group.gathering.turns:
        group.file.save(group.gathering)


def kept(troupe: Troupe) -> dict[str, str]:
    """The scenes that can be gone on with, the latest first: what to call each, by its name here."""
    found = _kept(troupe)
    order = sorted(found, key=lambda name: found[name].stat().st_mtime, reverse=True)
    return {
        name: f"{found[name].stem} ({troupe.player(name.partition('/')[0]).project.character.name})" for name in order
    }


def resume(troupe: Troupe, name: str) -> Group:
    """A scene of `kept`, to be gone on with. Raises ProjectError if somebody in it is not in this studio."""
    path = _kept(troupe).get(name)
    if path is None:
        raise ProjectError("There is no such scene any more. Choose another one.")
    try:
        record = GroupScene.model_validate_json(path.read_text("utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} is no scene that was kept. Choose another one, or delete it.") from error
    first = name.partition("/")[0]
    called = _called(troupe, first)
    gathering = Gathering.from_record(record, (read_persona(troupe.player(one).project) for one in called.values()))
    group = troupe.player(first).project.character.chat.group
    settings = group.model_copy(update={"narrator": bool(gathering.narrator)})
    file = ChatFile(path.parent)
    file.path = path.with_suffix(".md")
    return Group(tuple(called[one] for one in gathering.names), gathering, file, settings)


async def _line(troupe: Troupe, group: Group, stages: Stages, name: str, strength: float) -> AsyncIterator[Group]:
    before = group.gathering.unanswered() if group.answers else group.gathering
    player = _named(troupe, group, name)
    settings = player.project.character.chat.model_copy(update={"thoughts": group.thoughts})
    actor = Actor(stages.of[name], settings, read_backstage(player.project), strength=strength)
    written = ""
    yield group.speaking(before, name)
    async with aclosing(actor.perform(before.view(name), len(group.answers))) as pieces:
        async for piece in pieces:
            written += piece
            yield group.speaking(before, name, written)
    if not printable(written).strip():
        raise ReplyError(f"{name} said nothing. Let the scene go on, or say something else.", written)
    done = group.speaking(before, name, written).spoken()
    actor.notice(done.gathering.view(name))
    save(troupe, done)
    yield done


def _director(troupe: Troupe, group: Group, stages: Stages) -> Director:
    first = troupe.player(group.cast[0])
    # Without a writer the base model alone directs: it is in memory already.
    writer = first.bench.bound("writer") if first.project.character.models.writer else stages.base
    return make_director(first.project, group.settings, writer)


def _named(troupe: Troupe, group: Group, name: str) -> Player:
    players = [troupe.player(one) for one in group.cast]
    return next(player for player in players if player.project.character.name == name)


def _called(troupe: Troupe, first: str) -> dict[str, str]:
    """The studio's names of the characters, by what they are called; `first` is the one meant by its name."""
    names = [first, *(name for name in troupe.players if name != first)]
    return {troupe.player(name).project.character.name: name for name in reversed(names)}


def _kept(troupe: Troupe) -> Mapping[str, Path]:
    """Their files by names that hold none."""
    folders = {name: player.project.journal / CHATS for name, player in troupe.players.items()}
    return {f"{name}/{path.stem}": path for name, folder in folders.items() for path in folder.glob("*.json")}
