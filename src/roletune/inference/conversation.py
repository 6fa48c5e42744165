"""A conversation with a character, as a value: who talks where, what was said, and what the model is given next.

Pure: every step returns a new conversation, so the terminal, a server and a page in a browser can share one. Messages
follow the grammar of `rendering.viewpoint`, made by the same functions as the training data. The prompt never exceeds
its budget and never holds part of a message: the oldest messages are left out whole.
"""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise

from roletune.errors import ProjectError, RenderError
from roletune.records import Message, Profile, Provenance, Scene, Turn, fingerprint
from roletune.rendering.markup import harmless
from roletune.rendering.persona import Persona
from roletune.rendering.viewpoint import perceived, spoken

Count = Callable[[Sequence[Message]], int]

# What a chat template adds to a message: role, line breaks, end token. ChatML needs 5.
_TEMPLATE_TOKENS = 8
# Once seven eighths of the room are full, exchanges are forgotten down to a half of it: the prompt's beginning then
# stays the same for some turns and an engine's prompt cache can be used, where forgetting one each time means reading
# everything again each time. The eighth is for the next message: what is left out is mostly known before it comes.
_FULL, _KEPT = 7 / 8, 0.5
_THOUGHT = re.compile(r"<thought>(.*?)(?:</thought>\s*|\Z)", re.S)
_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")


@dataclass(frozen=True)
class Conversation:
    """What `persona`'s character perceived in one `scene` with a person, the `partner`, and maybe `others`.

    `turns` may hold what others said out of its hearing: `heard` are those that it perceived. `directions` are told
    after the persona prompt. Raises ProjectError if the partner bears the character's own name.
    """

    persona: Persona
    scene: Scene
    partner: str
    turns: tuple[Turn, ...] = ()
    others: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.profile.is_me(self.partner):
            raise ProjectError(
                f"{self.partner!r} is the character itself. Name somebody else as the partner (chat.partner)."
            )

    @property
    def profile(self) -> Profile:
        """Who answers."""
        return self.persona.profile

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        """Everything said so far, as alternating `user` and `assistant` messages."""
        return spoken(self.heard, self.profile, self.partners)

    @property
    def partners(self) -> tuple[str, ...]:
        """Everybody whom the character may hear."""
        return (self.partner, *self.others)

    @cached_property
    def heard(self) -> tuple[Turn, ...]:
        """What it perceived, its own turns among it."""
        return perceived(self.turns, self.profile)

    @cached_property
    def system(self) -> Message:
        """The persona prompt in this scene, and the directions."""
        told = self.persona.message(self.scene, self.partners)
        if not self.directions:
            return told
        return told.model_copy(update={"content": harmless("\n\n".join([told.content, *self.directions]))})

    @property
    def awaits_answer(self) -> bool:
        """Whether the partner spoke last."""
        return bool(self.heard) and not self._is_mine(self.heard[-1])

    def say(self, text: str) -> Conversation:
        """The partner says something."""
        return self._with(self.partner, text)

    def answer(self, text: str) -> Conversation:
        """The character says something; what stands in `<thought>` marks is thought."""
        return replace(self, turns=(*self.turns, *turns_of(self.profile.name, text)))

    def retry(self) -> Conversation:
        """Without the character's last answer: ready to be answered again. Unchanged if nobody has spoken to it."""
        others = [i for i, turn in enumerate(self.turns) if not self._is_mine(turn)]
        return replace(self, turns=self.turns[: others[-1] + 1]) if others else self

    def unsay(self) -> Conversation:
        """Without what the partner said last and all that followed. Unchanged if it said nothing."""
        said = [i for i, turn in enumerate(self.turns) if turn.speaker == self.partner]
        return replace(self, turns=self.turns[: said[-1]]) if said else self

    def reset(self) -> Conversation:
        """The same scene, with nothing said yet."""
        return replace(self, turns=())

    def in_scene(self, scene: Scene | str) -> Conversation:
        """Another scene, given whole or as its situation in words, with nothing said yet."""
        if isinstance(scene, str):
            scene = chat_scene(background=scene, present=(self.profile.name, self.partner))
        return replace(self, scene=scene, turns=())

    def request_messages(self, budget_tokens: int, count: Count | None = None) -> tuple[Message, ...]:
        """The persona prompt and the recent messages that fit `budget_tokens`, beginning with one of the partner's.

        Everything, if it fits. `count` gives the tokens of a list of messages (`Renderer.count`), and defaults to
        `estimate_tokens`. Raises RenderError if the persona prompt and the last message do not fit.
        """
        system = self.system
        return (system, *self.window(system, budget_tokens, count or estimate_tokens))

    def window(self, system: Message, budget_tokens: int, count: Count) -> tuple[Message, ...]:
        """The recent messages that fit `budget_tokens` after `system`; RenderError as in `request_messages`."""
        messages = self.messages
        starts = [i for i, message in enumerate(messages) if i == 0 or message.role == "user"]
        if not starts:
            return ()

        def fits(start: int) -> bool:
            return count((system, *messages[start:])) <= budget_tokens

        if fits(0):
            return messages
        alone = count((system,))
        sizes = [count((system, *messages[start:end])) - alone for start, end in pairwise(starts)]
        first = bisect_left(starts, True, lo=_forgotten(sizes, budget_tokens - alone), key=fits)
        if first == len(starts):
            needed = count((system, *messages[starts[-1] :]))
            raise RenderError(
                f"The last message and the persona prompt need {needed} tokens, and {budget_tokens} are allowed. "
                "Shorten the message, or raise chat.context_tokens if the model has room for more."
            )
        return messages[starts[first] :]

    def turns_in(self, recent: Sequence[Message]) -> int:
        """How many of the turns that it heard make up its `recent` messages, the latest ones."""
        runs = [len(list(turns)) for _, turns in groupby(self.heard, key=self._is_mine)]
        return sum(runs[len(runs) - len(recent) :]) if recent else 0

    def _with(self, speaker: str, text: str) -> Conversation:
        turn = Turn(speaker=speaker, text=printable(text).strip())
        return replace(self, turns=(*self.turns, turn)) if turn.text else self

    def _is_mine(self, turn: Turn) -> bool:
        return self.profile.is_me(turn.speaker)


def turns_of(speaker: str, text: str) -> tuple[Turn, ...]:
    """A reply as turns: its thoughts, and what is said beside them; none for an empty one."""
    text = printable(text)
    turns = [Turn(speaker=speaker, text=thought.strip(), kind="thought") for thought in _THOUGHT.findall(text)]
    turns.append(Turn(speaker=speaker, text=_THOUGHT.sub("", text).strip()))
    return tuple(turn for turn in turns if turn.text)


def _forgotten(sizes: Sequence[int], room: int) -> int:
    """How many of the exchanges, of so many tokens each, are forgotten by now; the latest is not."""
    first = used = 0
    for latest, size in enumerate(sizes):
        used += size
        if used > _FULL * room:
            while used > _KEPT * room and first < latest:
                used -= sizes[first]
                first += 1
    return first


def chat_scene(location: str = "", background: str = "", present: Sequence[str] = ()) -> Scene:
    """A scene for a chat, each part on one line, as a script has it; its title is taken from its words."""
    location, background = (" ".join(printable(text).split()) for text in (location, background))
    title = location or " ".join(background.split()[:6]).rstrip(".,;:!?") or f"Chat with {' and '.join(present)}"
    return Scene(
        id=fingerprint("chat", location, background, list(present)),
        title=title,
        location=location,
        background=background,
        present=tuple(present),
        provenance=Provenance(source="chat"),
    )


def estimate_tokens(messages: Sequence[Message]) -> int:
    """About how many tokens `messages` need, for want of a tokenizer: on the safe side.

    Three bytes of UTF-8 a token, where English has four to five, and what a chat template adds to each message.
    """
    return sum(math.ceil(len(message.content.encode()) / 3) + _TEMPLATE_TOKENS for message in messages)


def printable(text: str) -> str:
    """`text` as it can be shown and stored: no terminal control sequences, no halves of characters."""
    plain = _CONTROL_SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(_printable(char) for char in plain)


def _printable(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    return "" if category == "Cc" and char not in "\n\t" else char
