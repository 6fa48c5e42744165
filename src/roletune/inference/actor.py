"""Who plays a character: makes the prompt, asks the model, keeps what was told, and can say why.

One place for the terminal, the studio, Python and group scenes. An actor holds no conversation: it is given one and
answers it, so whoever leads the chat decides what counts. While the person reads and types, it sums up what no longer
fits and has the engine read the prompt that is to come, so that the first word is not waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from roletune.errors import ProjectError, RoletuneError
from roletune.inference.conversation import Conversation, Count
from roletune.inference.recall.given import Given, Sources, give
from roletune.inference.recall.knowledge import Knowledge
from roletune.inference.recall.lorebook import Lore
from roletune.inference.recall.memory import told_facts
from roletune.inference.recall.memory_file import MemoryFile
from roletune.inference.recall.shown import Shots
from roletune.inference.recall.summaries import latest_summary, summarise
from roletune.inference.settings import ChatSettings
from roletune.inference.thoughts import Hidden
from roletune.inference.why import NEAREST, Row, TrainingRows, Why, nearest_passages
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply
from roletune.prompts import Prompt
from roletune.records import Lorebook, Message, Turn

_NEXT = "..."  # stands for a message that nobody has written yet
STRONGEST = 2.0  # times what was trained; beyond it adapters produce noise


@dataclass
class Backstage:
    """What an actor can draw on beside its persona; everything may be missing.

    `rows` are read when somebody asks why. `writer` sums up; `can_warm` is set where reading a prompt costs nothing.
    """

    recall: Prompt | None = None
    lorebook: Lorebook = field(default_factory=Lorebook)
    knowledge: Knowledge | None = None
    shots: Shots | None = None
    memory: MemoryFile | None = None
    writer: ChatModel | None = None
    summary: Prompt | None = None
    rows: Callable[[], Iterable[Row]] = tuple
    can_warm: bool = False
    count: Count | None = None

    def sources(self, user: str, settings: ChatSettings) -> Sources:
        """Where notes come from in a conversation with `user`."""
        memory = self.memory if settings.memory.enabled else None
        return Sources(
            prompt=self.recall,
            lore=Lore(self.lorebook, user, settings.lorebook_tokens) if self.lorebook.entries else None,
            knowledge=self.knowledge,
            shots=self.shots,
            memories=memory.all(user) if memory else (),
            forgotten=memory.forgotten(user) if memory else (),
            memory_tokens=settings.memory.tokens if settings.memory.enabled else 0,
        )


class Actor:
    """A character's settings, its model at a strength, and its backstage."""

    def __init__(
        self,
        model: Callable[[float], ChatModel],
        settings: ChatSettings,
        backstage: Backstage | None = None,
        *,
        strength: float = 1.0,
    ) -> None:
        self.settings = settings
        self.backstage = backstage or Backstage()
        self.last: ChatReply | None = None
        self.given: Given | None = None
        self.trouble = ""  # what went wrong while nobody waited
        self._open = model
        self._strength = checked_strength(strength)
        self._model = model(self._strength)
        self._rows: TrainingRows | None = None
        self._aside: asyncio.Task[None] | None = None

    @property
    def model(self) -> ChatModel:
        """Who writes."""
        return self._model

    @property
    def strength(self) -> float:
        """The scale of the adapter: 1 is as trained, 0 the base model alone."""
        return self._strength

    @strength.setter
    def strength(self, value: float) -> None:
        model = self._open(checked_strength(value))  # refused before anything changes
        self._strength, self._model = value, model

    def give(self, conversation: Conversation) -> Given:
        """What the model is given for `conversation`. Raises RenderError if its last message does not fit."""
        sources = self.backstage.sources(conversation.partner, self.settings)
        given = give(conversation, sources, self.settings.context_tokens, self.backstage.count)
        if given.left_out and self.backstage.memory and self.settings.memory.summaries:
            summary, _ = latest_summary(conversation, self.backstage.memory, _turns_out(conversation, given))
            if summary:
                sources = replace(sources, summary=summary)
                given = give(conversation, sources, self.settings.context_tokens, self.backstage.count)
        return given

    async def perform(self, conversation: Conversation, attempt: int = 0) -> AsyncGenerator[str, None]:
        """The answer in pieces; `last` is the whole one after the last piece, `given` what it answers.

        Thoughts are left out of the pieces unless the settings show them. Raises EndpointError and RenderError.
        """
        given = self.give(conversation)
        await self.settled()
        request = self.settings.request(given.messages, conversation.partners, attempt)
        hidden = Hidden(shown=self.settings.thoughts)
        ended: list[ChatReply] = []
        self.given, self.last = given, None
        async for piece in self.model.stream(request, ended.append):
            if shown := hidden.feed(piece)[0]:
                yield shown
        if rest := hidden.feed("", last=True)[0]:
            yield rest
        self.last = ended[0]

    def answered(self, conversation: Conversation) -> None:
        """The answer counts: note what the person told, and do in the background what makes the next one quick."""
        self.notice(conversation)
        self._begin(lambda: self._rest(conversation))

    def notice(self, conversation: Conversation) -> None:
        """Keep what the partner told since the character last spoke."""
        memory = self.backstage.memory
        if not memory or not self.settings.memory.enabled:
            return
        for turn in _asked(conversation):
            if turn.speaker == conversation.partner and turn.kind == "speech":
                for fact in told_facts(turn.text):
                    memory.remember(conversation.partner, fact)

    def warm(self, conversation: Conversation) -> None:
        """Have the engine read the prompt before it is needed, in the background; nothing to do where that costs."""
        if self.backstage.can_warm:
            self._begin(lambda: self._read_ahead(conversation))

    def why(self, conversation: Conversation) -> Why:
        """What lies behind the character's last answer. Raises ProjectError if it has not answered."""
        said = conversation.messages
        if not said or said[-1].role != "assistant":
            raise ProjectError("There is no answer yet to explain.")
        answer, question = said[-1].content, said[-2].content if len(said) > 1 else ""
        if self._rows is None:
            self._rows = TrainingRows(list(self.backstage.rows()))
        return Why(
            question=question,
            answer=answer,
            notes=self.given.notes if self.given else (),
            passages=nearest_passages(self.backstage.knowledge, question, answer),
            rows=self._rows.nearest(question, answer, NEAREST),
            left_out=self.given.left_out if self.given else 0,
            prompt_tokens=self.last.prompt_tokens if self.last else 0,
            strength=self.strength,
        )

    async def close(self) -> None:
        """End what goes on in the background."""
        task, self._aside = self._aside, None
        if task and not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    # -----------------------------------------------------------------------------------------------------------------

    async def settled(self) -> None:
        """Let what goes on in the background end: it reads the very prompt that is about to be asked."""
        task, self._aside = self._aside, None
        if task:
            await task

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        before = self._aside

        async def aside() -> None:
            try:
                if before:
                    await before
                await work()
            except RoletuneError as error:  # nobody waits for it: the chat goes on, and tells it
                self.trouble = " ".join(str(error).split())

        self._aside = asyncio.get_running_loop().create_task(aside())

    async def _rest(self, conversation: Conversation) -> None:
        back, settings = self.backstage, self.settings.memory
        wanted = settings.enabled and settings.summaries
        if wanted and self.given and self.given.left_out and back.memory and back.writer and back.summary:
            out = _turns_out(conversation, self.given)
            await summarise(conversation, back.memory, out, back.writer, back.summary)
        if back.can_warm:
            await self._read_ahead(conversation)

    async def _read_ahead(self, conversation: Conversation) -> None:
        # The next message has notes of its own: this one is then told without its, and what follows is read again. Now.
        if conversation.awaits_answer:
            messages = self.give(conversation).messages
        else:  # one as long as the last leaves out of the chat what it will, if it is; its words are not worth reading
            said = [turn.text for turn in conversation.heard if turn.speaker == conversation.partner]
            *before, _ = self.give(conversation.say(said[-1] if said else _NEXT)).messages
            messages = (*before, Message(role="user", content=_NEXT))
        await self.model.complete(replace(self.settings.request(messages, conversation.partners), max_tokens=1))


def checked_strength(value: float) -> float:
    """`value` if an adapter can be scaled by it. Raises ProjectError."""
    if not 0 <= value <= STRONGEST:
        raise ProjectError(f"The strength of an adapter is between 0 (the base model) and {STRONGEST:g}, not {value}.")
    return value


def _turns_out(conversation: Conversation, given: Given) -> int:
    """How many of the turns that it perceived are left out."""
    return len(conversation.heard) - conversation.turns_in(conversation.messages[given.left_out :])


def _asked(conversation: Conversation) -> tuple[Turn, ...]:
    """The turns of others that the character's last answer is to, or that await one."""
    turns = conversation.heard
    end = len(turns)
    while end and conversation.profile.is_me(turns[end - 1].speaker):
        end -= 1
    start = end
    while start and not conversation.profile.is_me(turns[start - 1].speaker):
        start -= 1
    return turns[start:end]
