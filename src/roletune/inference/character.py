"""A character to talk with from Python: `roletune.load("examples/jarvis")` gives one.

Guarantees: a turn is in the history when its answer is whole, or not at all; the prompt is that of training, with what
the character recalls (`recall.given`), and never exceeds `chat.context_tokens`. Every method has a plain form and one
for async code, whose name begins with `a`; both may be used on one character, from one thread at a time.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

from roletune.errors import ModelError, ProjectError
from roletune.inference.actor import Actor
from roletune.inference.conversation import Conversation
from roletune.inference.own_loop import OwnLoop
from roletune.inference.recall.memory_file import MemoryFile
from roletune.inference.settings import ChatSettings
from roletune.inference.why import Why
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply
from roletune.records import Turn


@dataclass(frozen=True)
class LineScore:
    """How likely the character finds a line as its next one: natural logarithms, the end token included."""

    logprob: float
    tokens: int

    @property
    def per_token(self) -> float:
        """Mean log-probability of a token; comparable between lines of unlike length."""
        return self.logprob / self.tokens

    @property
    def perplexity(self) -> float:
        """exp of minus the mean: 1 is certain."""
        return math.exp(-self.per_token)


Scorer = Callable[[Conversation, str], Awaitable[LineScore]]


class Character:
    """Somebody to talk with: `conversation` is what was said so far, a value that may be replaced by another one.

    `notice` is what must be told to whoever talks with it. `score` and `close` are given by whoever opened its model.
    """

    def __init__(
        self,
        conversation: Conversation,
        actor: Actor,
        *,
        notice: str = "",
        score: Scorer | None = None,
        close: Callable[[], Awaitable[None]] | None = None,
        loop: OwnLoop | None = None,
    ) -> None:
        self.conversation = conversation
        self.actor = actor
        self.notice = notice
        self._score = score
        self._close = close
        self._loop = loop or OwnLoop()
        self._answers: list[str] = []  # to the last message, as they came

    @property
    def name(self) -> str:
        """How the character is called."""
        return self.conversation.profile.name

    @property
    def history(self) -> tuple[Turn, ...]:
        """What was said so far, oldest first."""
        return self.conversation.turns

    @property
    def model(self) -> ChatModel:
        """Who writes."""
        return self.actor.model

    @property
    def settings(self) -> ChatSettings:
        """How it talks."""
        return self.actor.settings

    @property
    def last(self) -> ChatReply | None:
        """The last answer with its tokens and seconds."""
        return self.actor.last

    @property
    def memory(self) -> MemoryFile | None:
        """What it remembers of people; None if it has nowhere to keep it."""
        return self.actor.backstage.memory

    @property
    def strength(self) -> float:
        """The scale of the adapter, 0 to 2; may be set at any time. ProjectError, or ModelError if it can't be."""
        return self.actor.strength

    @strength.setter
    def strength(self, value: float) -> None:
        self.actor.strength = value

    @property
    def swipes(self) -> tuple[str, ...]:
        """Every answer to the last message, in the order they came."""
        return tuple(self._answers)

    def reply(self, text: str) -> str:
        """Say `text` and get the answer. Raises EndpointError if there is none, RenderError if it does not fit."""
        return "".join(self.stream(text))

    def stream(self, text: str) -> Iterator[str]:
        """The same in pieces, as they come; the turn counts once the last piece was taken."""
        return self._loop.iterate(self._speak(self.conversation.say(text), 0))

    def retry(self) -> str:
        """Another answer to what was said last, in the place of the last one; `swipes` has them all."""
        return "".join(self._loop.iterate(self._again()))

    def swipe(self, number: int) -> str:
        """Go back to an answer of `swipes`, counted from 0. Raises ProjectError if there is none of that number."""
        if not 0 <= number < len(self._answers):
            raise ProjectError(f"There are {len(self._answers)} answers to the last message, counted from 0.")
        self.conversation = self.conversation.retry().answer(self._answers[number])
        return self._answers[number]

    def edit(self, text: str) -> str:
        """Say `text` instead of what was said last, and get the answer."""
        return "".join(self._loop.iterate(self._speak(self.conversation.unsay().say(text), 0)))

    def why(self) -> Why:
        """What lies behind the last answer: what was told with the prompt, and the nearest passages and training rows.

        Raises ProjectError if there is no answer.
        """
        return self.actor.why(self.conversation)

    def score(self, line: str) -> LineScore:
        """How likely `line` is as the character's next one, with its adapter; says nothing and changes nothing.

        The first call loads the weights once more, for torch. Raises ModelError where there is nothing to score with.
        """
        return self._loop.run(self._scored(line))

    async def areply(self, text: str) -> str:
        """`reply` for async code."""
        return "".join([piece async for piece in self.astream(text)])

    def astream(self, text: str) -> AsyncIterator[str]:
        """`stream` for async code."""
        return self._loop.stream(self._speak(self.conversation.say(text), 0))

    async def aretry(self) -> str:
        """`retry` for async code."""
        return "".join([piece async for piece in self._loop.stream(self._again())])

    async def ascore(self, line: str) -> LineScore:
        """`score` for async code."""
        return await self._loop.wait(self._scored(line))

    def reset(self, scene: str = "") -> None:
        """Begin again: the same scene, or another one in words."""
        self.conversation = self.conversation.in_scene(scene) if scene else self.conversation.reset()
        self._answers = []

    def close(self) -> None:
        """End what was started for the character (a local server); it starts again when it is needed."""
        self._loop.run(self._end())
        self._loop.close()

    async def aclose(self) -> None:
        """`close` for async code."""
        await self._loop.wait(self._end())
        self._loop.close()

    def __enter__(self) -> Character:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Character:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<Character {self.name}, {len(self.history)} turns with {self.conversation.partner}>"

    # -----------------------------------------------------------------------------------------------------------------

    def _again(self) -> AsyncIterator[str]:
        return self._speak(self.conversation.retry(), len(self._answers))

    async def _speak(self, said: Conversation, attempt: int) -> AsyncIterator[str]:
        text = ""
        async for piece in self.actor.perform(said, attempt):
            text += piece
            yield piece
        self.conversation = said.answer(text)
        self._answers = [*(self._answers if attempt else ()), self.history[-1].text]
        self.actor.answered(self.conversation)

    async def _end(self) -> None:
        await self.actor.close()
        if self._close:
            await self._close()

    async def _scored(self, line: str) -> LineScore:
        if self._score is None:
            raise ModelError(f"{self.name} has no weights here to score with. Open it with roletune.load(FOLDER).")
        return await self._score(self.conversation, line)
