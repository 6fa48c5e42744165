"""Conversations as scripts: what was said in a chat is a scene that `dialogues/` takes. Pure.

`read_conversation(render_conversation(c))` is `c`, but for line breaks within a message, bold marks at its start and
quotation marks around the whole of it, which the script format does not keep.
"""

from __future__ import annotations

import re
from typing import Protocol, get_args

from roletune.errors import ProjectError, SourceError
from roletune.inference.conversation import Conversation, chat_scene
from roletune.records import Profile, Scene, SceneKind, Turn
from roletune.rendering.persona import Persona
from roletune.rendering.script import ParsedScene, parse_script, render_script
from roletune.rendering.viewpoint import partners_of

_LONGEST_NAME = 60  # characters of a file's name: three bytes each stay below what file systems take


class Talk(Protocol):
    """What a transcript is written of: a conversation between two, or a gathering of several."""

    @property
    def scene(self) -> Scene:
        """Where it takes place."""

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What was said and done."""


def render_conversation(conversation: Talk) -> str:
    """The conversation as a script of one scene."""
    written = {turn.speaker: _written(turn.speaker) for turn in conversation.turns}
    turns = (turn.model_copy(update={"speaker": written[turn.speaker]}) for turn in conversation.turns)
    return render_script(conversation.scene, turns)


def read_conversation(text: str, persona: Persona, source: str) -> Conversation:
    """A script of one scene between the character and one partner, to be gone on with; `source` is named in errors.

    Raises SourceError for several scenes, several partners or none, and lines that belong to nothing.
    """
    script = parse_script(text)
    if script.unread:
        line = script.unread[0]
        raise SourceError(f"{source}:{line.number} belongs to no speaker: {line.text!r}. Write `Name: text`.")
    if len(script.scenes) != 1:
        raise SourceError(
            f"{source} holds {len(script.scenes)} scenes, and a chat goes on with one. Copy it to a file of its own."
        )
    parsed = script.scenes[0]
    partners = partners_of(parsed.turns, persona.profile)
    if len(partners) != 1:
        who = ", ".join(partners) or "nobody"
        raise SourceError(f"In {source}, {who} speaks with {persona.profile.name}, and a chat is between two.")
    return _conversation(parsed, persona, partners[0])


def _conversation(parsed: ParsedScene, persona: Persona, partner: str) -> Conversation:
    headers = parsed.headers
    kind = headers.get("type", "").casefold()
    scene = chat_scene(
        headers.get("location", ""), headers.get("background", ""), present=(persona.profile.name, partner)
    ).model_copy(
        update={
            "kind": kind if kind in get_args(SceneKind) else "chat",
            "title": parsed.title,
            "time": headers.get("time", ""),
            "mood": headers.get("mood", ""),
        }
    )
    turns = tuple(_named(turn, persona.profile) for turn in parsed.turns)
    return Conversation(persona, scene, partner, turns)


def _named(turn: Turn, profile: Profile) -> Turn:
    return turn.model_copy(update={"speaker": profile.name}) if profile.is_me(turn.speaker) else turn


def speaker_name(name: str) -> str:
    """`name` as a script can have it before a colon: on one line, words capitalised where they have to be.

    Raises ProjectError if it can't be made one.
    """
    written = _written(" ".join(name.split()))
    if not _is_read_back(written):
        raise ProjectError(f"{name!r} can't be a speaker's name. Use letters, up to six words, no brackets or colons.")
    return written


def _written(speaker: str) -> str:
    """`speaker`, with the words capitalised if it is read back only so."""
    capitalised = " ".join(word[:1].upper() + word[1:] for word in speaker.split())
    return capitalised if not _is_read_back(speaker) and _is_read_back(capitalised) else speaker


def _is_read_back(speaker: str) -> bool:
    turn = Turn(speaker=speaker, text="Hello.")
    script = parse_script(render_script(chat_scene("here"), [turn]))
    return [scene.turns for scene in script.scenes] == [[turn]]


def file_name(title: str) -> str:
    """A name for a file, without extension: letters, digits and hyphens of `title`, in lower case."""
    words = re.sub(r"[\W_]+", "-", title.casefold()).strip("-")
    return words[:_LONGEST_NAME].strip("-") or "chat"
