"""A character's viewpoint: what it could perceive of a dialogue, as messages with loss on its own turns only.

This is the message grammar of the project (DESIGN): others are `user`, unlabelled when one partner speaks and
`Name: text` when several do; consecutive turns of others are one message; the character is `assistant`, unlabelled.
Actions are `*...*` inline. Thoughts of others are never perceived; the character's own are left out unless asked for,
then a leading `<thought>...</thought>`. Chat builds its messages with the same `spoken` function, so that a trained
conversation and a lived one read alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from roletune.records import Dialogue, Example, Message, Profile, Turn, fingerprint
from roletune.rendering.markup import harmless
from roletune.rendering.persona import Persona


def perceived(turns: Iterable[Turn], profile: Profile, *, thoughts: bool = False) -> tuple[Turn, ...]:
    """The turns that the character perceives: no thoughts of others, nothing said out of its hearing, no silence."""

    def reaches_me(turn: Turn) -> bool:
        mine = profile.is_me(turn.speaker)
        if turn.kind == "thought":
            return mine and thoughts
        return mine or turn.audience is None or any(profile.is_me(name) for name in turn.audience)

    return tuple(turn for turn in turns if turn.text.strip() and reaches_me(turn))


def partners_of(turns: Iterable[Turn], profile: Profile) -> tuple[str, ...]:
    """The others who speak, in order of appearance."""
    others = (turn.speaker for turn in turns if turn.kind == "speech" and not profile.is_me(turn.speaker))
    return tuple(dict.fromkeys(others))


def spoken(turns: Iterable[Turn], profile: Profile, partners: Sequence[str]) -> tuple[Message, ...]:
    """Turns as alternating `user` and `assistant` messages; the character's own carry loss."""
    messages = []
    for mine, group in groupby(turns, key=lambda turn: profile.is_me(turn.speaker)):
        if mine:
            messages.append(Message(role="assistant", content=harmless(_own(list(group))), loss=True))
        else:
            lines = (_line(turn, labelled=len(partners) > 1) for turn in group)
            messages.append(Message(role="user", content=harmless("\n".join(lines))))
    return tuple(messages)


def compile_example(
    dialogue: Dialogue, persona: Persona, *, thoughts: bool = False, everybody: bool = False
) -> Example | None:
    """The dialogue as `persona`'s character lived it, or None if it never speaks in it.

    With `everybody` what the others say carries loss too: the model learns to speak for them, which is for ablations.
    """
    profile = Profile(name=dialogue.me) if dialogue.me else persona.profile
    turns = perceived(dialogue.turns, profile, thoughts=thoughts)
    own = [i for i, turn in enumerate(turns) if profile.is_me(turn.speaker) and turn.kind == "speech"]
    if not own:
        return None
    turns = turns[: own[-1] + 1]
    before = perceived(dialogue.shown, profile)
    partners = partners_of((*before, *turns), profile)
    told = Message(role="system", content=harmless(dialogue.system)) if dialogue.system else None
    shown, learnt = spoken(before, profile, partners), spoken(turns, profile, partners)
    if everybody:
        learnt = tuple(message.model_copy(update={"loss": True}) for message in learnt)
    messages = (told or persona.message(dialogue.scene, partners), *_shown_before(shown, learnt))
    return Example(
        id=fingerprint(dialogue.id, [message.model_dump() for message in messages]),
        messages=messages,
        dialogue=dialogue.id,
        split=dialogue.split,
        origin=dialogue.origin,
        purpose=dialogue.purpose,
        provenance=dialogue.provenance,
    )


def _shown_before(shown: Sequence[Message], learnt: Sequence[Message]) -> tuple[Message, ...]:
    """Both in a row, the first without loss; where others speak on both sides of the seam, that is one message."""
    context = [message.model_copy(update={"loss": False}) for message in shown]
    if context and context[-1].role == learnt[0].role == "user":
        content = f"{context.pop().content}\n{learnt[0].content}"
        joined = learnt[0].model_copy(update={"content": content, "loss": False})
        return (*context, joined, *learnt[1:])
    return (*context, *learnt)


class Exchange(NamedTuple):
    """A reply of the character after `prompt`, in which nothing carries loss."""

    prompt: tuple[Message, ...]
    reply: str


def exchanges(example: Example, most: int | None = None) -> list[Exchange]:
    """Every reply of an example that carries loss and answers something; `most` messages stand before it, the last.

    What the character says first, to nobody, is no exchange.
    """
    told = 1 if example.messages[0].role == "system" else 0
    system, turns = example.messages[:told], example.messages[told:]
    found = []
    for number, message in enumerate(turns):
        before = turns[max(0, number - most) if most else 0 : number]
        if message.loss and before and before[-1].role == "user":
            first = next(k for k, one in enumerate(before) if one.role == "user" or most is None)
            prompt = (one.model_copy(update={"loss": False}) for one in (*system, *before[first:]))
            found.append(Exchange(tuple(prompt), message.content))
    return found


def _line(turn: Turn, *, labelled: bool) -> str:
    if turn.kind == "action":
        return f"*{f'{turn.speaker} ' if labelled and turn.speaker else ''}{turn.text}*"
    return f"{turn.speaker}: {turn.text}" if labelled else turn.text


def _own(turns: Sequence[Turn]) -> str:
    thoughts = " ".join(turn.text for turn in turns if turn.kind == "thought")
    voiced = "\n".join(
        f"*{turn.text}*" if turn.kind == "action" else turn.text for turn in turns if turn.kind != "thought"
    )
    return f"<thought>{thoughts}</thought>\n{voiced}".strip() if thoughts else voiced
