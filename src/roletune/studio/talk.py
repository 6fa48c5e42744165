"""A chat in the studio, as a value: the conversation, the answers to swipe through, and what is being written.

Guarantees: a message is answered whole or not at all, except by somebody who stops it, who keeps what was written; an
answer that was swiped away is still there; with `chat.autosave` the chat is a script in the journal after every answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from roletune.errors import ReplyError
from roletune.inference.chat_file import ChatFile
from roletune.inference.conversation import Conversation, printable
from roletune.inference.recall.notes import Note
from roletune.records import Turn
from roletune.studio.troupe import Player, Troupe
from roletune.verbs.thumbs import rate, thumb_id

Decision = bool | None


@dataclass(frozen=True)
class Talk:
    """A chat with the character `who`. `answers` are those to the last message; `shown` is the one in use."""

    who: str
    conversation: Conversation
    file: ChatFile
    answers: tuple[str, ...] = ()
    shown: int = 0
    asked: int = 0  # how often the last message was answered, so that no answer is asked for twice
    partial: str = ""
    notes: tuple[Note, ...] = ()  # what the last answer was told beside what was said
    strengths: dict[str, float] = field(default_factory=dict)  # by rating id: of the adapter that wrote it
    opinions: dict[str, bool] = field(default_factory=dict)  # by rating id
    edited: frozenset[str] = frozenset()  # rating ids of replies that a person changed

    def say(self, text: str) -> Talk:
        """The person says something; unchanged if that is nothing."""
        said = self.conversation.say(text)
        return self if said is self.conversation else replace(self, conversation=said, answers=(), shown=0, asked=0)

    def in_scene(self, scene: str) -> Talk:
        """Another scene in words, with nothing said yet."""
        return Talk(self.who, self.conversation.in_scene(scene), self.file)

    def writing(self, text: str) -> Talk:
        """The answer as far as it is written."""
        return replace(self, conversation=self.conversation.retry(), partial=text)

    def answered(self, text: str, strength: float, notes: tuple[Note, ...] = ()) -> Talk:
        """One more answer to the last message, and the one in use; `notes` are what it was told beside."""
        answers = (*self.answers, printable(text).strip())
        done = replace(self, answers=answers, asked=self.asked + 1, partial="", notes=notes).choose(len(answers) - 1)
        return replace(done, strengths=done.strengths | {done.rating(done.last): strength})

    def choose(self, number: int) -> Talk:
        """Another one of the answers, by its number; unchanged if there is none."""
        if not 0 <= number < len(self.answers):
            return self
        return replace(self, conversation=self.conversation.retry().answer(self.answers[number]), shown=number)

    def edit(self, place: int, text: str) -> Talk:
        """A turn in other words; what followed a changed message of the person's is gone, since it answered another.

        Unchanged without words, and for a place that has no turn.
        """
        turns, words = self.conversation.turns, printable(text).strip()
        if not 0 <= place < len(turns) or not words or words == turns[place].text:
            return self
        changed = turns[place].model_copy(update={"text": words})
        if not self.is_answer(place):
            kept = replace(self.conversation, turns=(*turns[:place], changed))
            return replace(self, conversation=kept, answers=(), shown=0, asked=0)
        strength = self.strengths.get(self.rating(place), 1.0)
        answers = list(self.answers)
        if place == self.last and answers:
            answers[self.shown] = words
        rewritten = replace(self.conversation, turns=(*turns[:place], changed, *turns[place + 1 :]))
        talk = replace(self, conversation=rewritten, answers=tuple(answers))
        identity = talk.rating(place)
        return replace(talk, strengths=talk.strengths | {identity: strength}, edited=talk.edited | {identity})

    @property
    def last(self) -> int:
        """The place of the last turn."""
        return len(self.conversation.turns) - 1

    def is_answer(self, place: int) -> bool:
        """Whether the character spoke there."""
        return self.conversation.profile.is_me(self.conversation.turns[place].speaker)

    def rating(self, place: int) -> str:
        """The id of a rating of that turn."""
        return thumb_id(self.conversation, place)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What to show: what was said, and what is being written."""
        said = self.conversation.turns
        return (*said, Turn(speaker=self.conversation.profile.name, text=self.partial)) if self.partial else said


def begin(player: Player, who: str) -> Talk:
    """A new chat in the character's opening scene."""
    return Talk(who, player.begin(), ChatFile(player.project.journal / "chats"))


async def answer(troupe: Troupe, talk: Talk, strength: float) -> AsyncIterator[Talk]:
    """One more answer to the last message, as it is written; the last one is whole.

    Raises EndpointError, ModelError or RenderError without one, ReplyError if it is empty.
    """
    actor, written = troupe.player(talk.who).actor(strength), ""
    async with troupe.on_stage(talk.who), aclosing(actor.perform(talk.conversation.retry(), talk.asked)) as pieces:
        async for piece in pieces:
            written += piece
            yield talk.writing(written)
    if not printable(written).strip():
        raise ReplyError(f"{talk.conversation.profile.name} said nothing. Ask again, or in other words.", written)
    done = talk.answered(written, strength, actor.given.notes if actor.given else ())
    actor.notice(done.conversation)
    save(troupe, done)
    yield done


def stop(troupe: Troupe, talk: Talk, strength: float) -> Talk:
    """What was written until now is the answer."""
    if not talk.partial:
        return talk
    done = talk.answered(talk.partial, strength)
    save(troupe, done)
    return done


def save(troupe: Troupe, talk: Talk) -> None:
    """Keep the chat as a script, if the character's settings say so."""
    if troupe.player(talk.who).project.character.chat.autosave and talk.conversation.turns:
        talk.file.save(talk.conversation)


def give_opinion(troupe: Troupe, talk: Talk, place: int, good: Decision) -> Talk:
    """A thumb for an answer, kept in the journal; unchanged for anything else."""
    if not 0 <= place <= talk.last or not talk.is_answer(place):
        return talk
    identity = talk.rating(place)
    bench = troupe.player(talk.who).bench
    strength = talk.strengths.get(identity, 1.0)
    rate(bench, talk.conversation, place, good, strength=strength, edited=identity in talk.edited)
    others = {key: value for key, value in talk.opinions.items() if key != identity}
    return replace(talk, opinions=others if good is None else others | {identity: good})


def bubbles(talk: Talk, shown: Callable[[str], str]) -> list[dict[str, Any]]:
    """The chat as `user` and `assistant` messages, their texts as `shown` makes them fit to be shown."""
    is_me = talk.conversation.profile.is_me
    return [
        {"role": "assistant" if is_me(turn.speaker) else "user", "content": shown(turn.text)} for turn in talk.turns
    ]
