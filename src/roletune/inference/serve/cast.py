"""Who is on stage, and what an engine is asked in a character's name.

Guarantees: the persona prompt comes first and as in training; what the character is given is made by the same functions
as in a chat (`recall.given`), lorebook, passages and examples among it; nothing that a client says can be taken for
markup of the chat template; which adapter speaks is decided here alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from roletune.errors import ProjectError
from roletune.inference.actor import Backstage
from roletune.inference.conversation import Conversation, printable
from roletune.inference.recall.given import give
from roletune.inference.serve.form import ChatForm, InMessage
from roletune.inference.serve.names import BASE, ModelName, parse_name
from roletune.inference.serve.refusal import Refusal
from roletune.inference.settings import ChatSettings, stops
from roletune.inference.thoughts import without_thoughts
from roletune.inference.transcript import speaker_name
from roletune.records import Message, Turn
from roletune.rendering.markup import harmless
from roletune.rendering.persona import Persona
from roletune.rendering.viewpoint import partners_of

_UNBOUNDED = sys.maxsize  # clients keep their own conversation: what is too long is refused by the engine, not cut


@dataclass(frozen=True)
class Performer:
    """A character that is served as `name`; `notices` must be told wherever it is shown.

    `extra` is asked of the engine beside the common fields, unless a client asks otherwise. What is `backstage` is told
    as in a chat, but for memories: any client may say that it is whoever they are of.
    """

    name: str
    persona: Persona
    settings: ChatSettings
    notices: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    backstage: Backstage = field(default_factory=Backstage)

    @cached_property
    def opening(self) -> Conversation:
        """Its scene, before anybody has spoken."""
        return self.settings.begin(self.persona)

    def give(self, talk: Conversation) -> tuple[Message, ...]:
        """What the engine is given to go on with `talk`."""
        sources = self._backstage.sources(talk.partner, self.settings)
        return give(talk, sources, _UNBOUNDED, self.backstage.count).messages

    @cached_property
    def _backstage(self) -> Backstage:
        return replace(self.backstage, memory=None)


@dataclass(frozen=True)
class Cast:
    """Everybody that can be asked for: the performers by name, and the base model, called `base_label` ("": none)."""

    performers: Mapping[str, Performer]
    base_label: str
    longest_reply: int = 4096

    def find(self, model: str) -> tuple[ModelName, Performer | None]:
        """Who is meant by a model's name; no performer for the base model. Raises Refusal if there is nobody."""
        name = parse_name(model)
        if name and (name.who in self.performers or (self.base_label and name == ModelName(BASE))):
            return name, self.performers.get(name.who)
        served = ", ".join([*self.performers, *([BASE] if self.base_label else [])])
        strength = "NAME:0.7 sets the strength of the adapter (0 to 2), " if self.base_label else ""
        told = f"There is no such model. Served are: {served}; {strength}NAME+thoughts shows thoughts."
        raise Refusal(404, told, "model_not_found", "model")

    def body(self, form: ChatForm, name: ModelName, performer: Performer | None) -> dict[str, Any]:
        """What the engine is asked, but for the fields that choose the adapter."""
        asked = form.max_completion_tokens or form.max_tokens
        end = tuple(stop for stop in form.stop or () if stop)
        if performer is None:
            messages = [{"role": _plain_role(each), "content": harmless(each.text)} for each in form.messages]
            body: dict[str, Any] = {"max_tokens": min(asked or self.longest_reply, self.longest_reply)}
        else:
            settings = performer.settings
            talk = _conversation(performer, form.messages, thoughts=name.thoughts)
            messages = [{"role": each.role, "content": each.content} for each in performer.give(talk)]
            end = stops(talk.partners, end)
            body = {"max_tokens": min(asked or settings.max_tokens, self.longest_reply)}
            body |= {"temperature": settings.temperature, "top_p": settings.top_p, **performer.extra}
        return body | form.sampling() | {"messages": messages} | ({"stop": list(end)} if end else {})


def _plain_role(message: InMessage) -> str:
    return "system" if message.role == "developer" else message.role


def _conversation(performer: Performer, messages: Sequence[InMessage], *, thoughts: bool) -> Conversation:
    """What a client's messages are to the character.

    All system messages of the client follow the persona prompt in one system message: models are trained with one, at
    the beginning, and many templates refuse others.
    """
    turns = tuple(_turn(performer, each, i, thoughts=thoughts) for i, each in enumerate(messages) if not _directs(each))
    partner, *others = partners_of(turns, performer.persona.profile) or (performer.settings.partner,)
    directions = tuple(text for each in messages if _directs(each) and (text := each.text.strip()))
    return replace(performer.opening, partner=partner, others=tuple(others), turns=turns, directions=directions)


def _directs(message: InMessage) -> bool:
    return message.role in ("system", "developer")


def _turn(performer: Performer, message: InMessage, place: int, *, thoughts: bool) -> Turn:
    """A message as a turn; one of the assistant that bears another's name was said by that other character."""
    profile = performer.persona.profile
    text = printable(message.text)
    if message.role == "assistant" and (not message.name or profile.is_me(message.name)):
        return Turn(speaker=profile.name, text=text if thoughts else without_thoughts(text))
    speaker = performer.settings.partner
    if message.name:
        speaker = _speaker(message.name.replace("_", " "), place)
    if profile.is_me(speaker):
        raise Refusal(400, "A user can't bear the character's own name.", "invalid_value", f"messages.{place}.name")
    return Turn(speaker=speaker, text=text)


def _speaker(name: str, place: int) -> str:
    try:
        return speaker_name(printable(name))
    except ProjectError as error:
        told = "This can't be a speaker's name: use letters, up to six words, no brackets or colons."
        raise Refusal(400, told, "invalid_value", f"messages.{place}.name") from error
