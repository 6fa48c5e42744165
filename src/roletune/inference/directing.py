"""A model beside the characters of a scene: it chooses who speaks next, and tells what happens as the narrator.

Guarantees: it is told what everybody who is here perceived and nothing else (`Gathering.common`), so that neither a
choice nor a narration carries a secret to somebody who was away; an answer that names nobody who can speak is kept as
it came (`Director.unread`), and the rule decides instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from roletune.errors import EndpointError
from roletune.inference.conversation import printable
from roletune.inference.gathering import Gathering
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatRequest, chat_messages
from roletune.llm.short_answer import ask_short, read_objects
from roletune.prompts import Prompt
from roletune.records import Turn
from roletune.rendering.markup import harmless

_LATEST = 12  # turns that are told
_CHOICE_TOKENS, _NARRATION_TOKENS = 40, 80
_TEMPERATURE = 0.7  # of a narration; a choice takes the likeliest
_SENTENCES = 2
_SENTENCE = re.compile(r"\S.*?(?:[。！？]|[.!?…]+[\"”’]?(?=\s|$))")  # one that was cut off is none
_FRAME = ' \t\n*_[]()"“”「」'


@dataclass
class Director:
    """`chooses` and `narrates` are the prompts; None where the rule chooses, or nobody narrates."""

    model: ChatModel
    chooses: Prompt | None = None
    narrates: Prompt | None = None
    asked: int = 0  # choices
    unread: list[str] = field(default_factory=list)  # answers that named nobody, and what went wrong

    async def next_speakers(self, scene: Gathering) -> tuple[str, ...]:
        """Whoever was named in the last turn, else whom the model chooses; where it chooses nobody, the rule does."""
        by_rule = scene.next_speakers()
        names = (*scene.able, scene.narrator) if scene.can_be_narrated else scene.able
        if self.chooses is None or scene.called or len(names) < 2:
            return by_rule
        chosen = await self._choice(self.chooses, scene, names)
        if chosen is None:
            return by_rule
        return (chosen, *scene.silent_longest) if chosen == scene.narrator else (chosen,)

    async def narration(self, scene: Gathering, attempt: int = 0) -> str:
        """What happens next, in a sentence or two; empty if the model tells nothing. Raises EndpointError."""
        if self.narrates is None:
            return ""
        messages = self.narrates.messages(scene=scene.scene, present=_here(scene), lines=_lines(scene.common))
        request = ChatRequest(
            chat_messages(messages),
            temperature=_TEMPERATURE,
            max_tokens=_NARRATION_TOKENS,
            stop=("\n\n",),
            sample=attempt,
        )
        return read_narration((await self.model.complete(request)).text, _here(scene))

    async def _choice(self, prompt: Prompt, scene: Gathering, names: Sequence[str]) -> str | None:
        messages = prompt.messages(
            scene=scene.scene,
            names=tuple(names),
            narrator=scene.narrator if scene.narrator in names else "",
            lines=_lines(scene.common),
        )
        choice = {"type": "object", "properties": {"next": {"enum": list(names)}}, "required": ["next"]}
        request = ChatRequest(chat_messages(messages), temperature=0.0, max_tokens=_CHOICE_TOKENS, schema=choice)
        self.asked += 1
        try:
            text = (await ask_short(self.model, request)).text
        except EndpointError as error:  # the scene goes on without it
            text = str(error)
        chosen = read_choice(text, names)
        if chosen is None:
            self.unread.append(text)
        return chosen


def read_choice(text: str, names: Sequence[str]) -> str | None:
    """The one of `names` that an answer gives, as JSON under `next` or in words; None for several and for none."""
    given = [str(one["next"]) for one in read_objects(text) if "next" in one]
    said = " ".join(given[:1] or [text])
    found = [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said, re.IGNORECASE)]
    return found[0] if len(found) == 1 else None


def read_narration(text: str, names: Sequence[str]) -> str:
    """The first two whole sentences of a reply up to where it would speak for somebody, without marks around them."""
    told = []
    for line in printable(text).strip().split("\n\n")[0].splitlines():
        if any(line.strip(_FRAME).casefold().startswith(f"{name}:".casefold()) for name in names):
            break
        told.append(line.strip(_FRAME))
    words = " ".join(" ".join(told).split())
    return " ".join(_SENTENCE.findall(words)[:_SENTENCES]) or words


def _here(scene: Gathering) -> tuple[str, ...]:
    return (scene.person, *scene.present)


def _lines(turns: Sequence[Turn]) -> tuple[str, ...]:
    """The latest turns, a line each: no line of theirs can be taken for one of the prompt's."""
    said = (f"{turn.speaker}: {turn.text}" if turn.kind == "speech" else f"*{turn.text}*" for turn in turns[-_LATEST:])
    return tuple(harmless(" ".join(line.split())) for line in said)
