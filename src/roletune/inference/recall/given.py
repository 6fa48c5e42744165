"""What a model is given next: the persona prompt, what the character recalls, and as much of the chat as fits.

Guarantees: never more than the budget, as `count` counts; nothing enters that the character did not perceive; as long
as the whole chat fits and nothing is recalled, the messages are exactly those of training. Recalled notes stand before
the last message, not in the persona prompt, so that an engine that has read the prompt before reads only what is new.
Once a chat has outgrown the prompt, the room for notes is set aside, so that its beginning does not move with them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from roletune.inference.conversation import Conversation, Count, estimate_tokens
from roletune.inference.recall.knowledge import Knowledge
from roletune.inference.recall.lorebook import Lore
from roletune.inference.recall.memory import earlier_notes, memory_notes
from roletune.inference.recall.notes import Kind, Note, within
from roletune.inference.recall.shown import Shots, Shown
from roletune.prompts import Prompt
from roletune.records import Memory, Message
from roletune.rendering.markup import harmless

MOST_MEMORIES = 6  # told for one message
_FRAME_TOKENS = 40  # the words around what is recalled
_KINDS: dict[Kind, str] = {
    "lore": "lore",
    "passage": "passages",
    "memory": "memories",
    "earlier": "earlier",
    "summary": "summary",
}


@dataclass(frozen=True)
class Sources:
    """Where a character's notes come from, at one moment; what is None or empty gives none."""

    prompt: Prompt | None = None  # `recall`: how notes are told
    lore: Lore | None = None
    knowledge: Knowledge | None = None
    memories: Sequence[Memory] = ()
    forgotten: Collection[str] = ()
    summary: str = ""
    memory_tokens: int = 0  # for memories, earlier turns and the summary together
    shots: Shots | None = None


@dataclass(frozen=True)
class Given:
    """The messages for the model, the notes that are in them, and how many messages of the chat are left out."""

    messages: tuple[Message, ...]
    notes: tuple[Note, ...]
    left_out: int
    tokens: int


def give(conversation: Conversation, sources: Sources, budget: int, count: Count | None = None) -> Given:
    """What the model is given to answer `conversation`.

    Raises RenderError if the persona prompt and the last message alone take more than `budget` tokens.
    """
    giving = _Giving(conversation, sources, budget, count or estimate_tokens)
    return giving.whole() or giving.part()


class _Giving:
    def __init__(self, conversation: Conversation, sources: Sources, budget: int, count: Count) -> None:
        self._talk = conversation
        self._sources = sources
        self._budget = budget
        self._count = count
        self._said = conversation.messages
        heard = [message.content for message in self._said if message.role == "user"]
        self._query = heard[-1] if heard else ""
        self._shown = self._examples(conversation.system)
        self._system = self._shown.system

    def whole(self) -> Given | None:
        """Everything that was said with everything that is recalled, if it fits."""
        if self._count((self._system, *self._shown.turns, *self._said)) > self._budget:
            return None
        given = self._given(self._said, self._notes(self._said, self._sources.memory_tokens))
        return given if given.tokens <= self._budget else None

    def part(self) -> Given:
        """The latest messages; notes take what is set aside for them, and never more than half of the room."""
        aside = self._aside()
        recent = self._talk.window(self._system, self._budget - aside - self._ahead(), self._count)
        notes = self._notes(recent, self._sources.memory_tokens)
        notes = within(sorted(notes, key=lambda note: not note.steady), aside - 2 * _FRAME_TOKENS, self._size)
        while (given := self._given(recent, notes)).tokens > self._budget and notes:
            notes = notes[:-1]  # what frames them took more than was thought
        return given

    def _aside(self) -> int:
        """Tokens for notes: the same whatever was said last, or what is left out would change with it."""
        room = self._budget - self._count((self._system, *self._shown.turns))
        spare = max(0, room - self._size(self._query))
        return min(self._wanted() + _FRAME_TOKENS, room // 2 if spare >= room // 2 else spare // 2)

    def _examples(self, system: Message) -> Shown:
        """The examples that leave at least half of the room to what was said."""
        shots = self._sources.shots
        if shots is None:
            return Shown(system)
        spare = max(0, self._budget - self._count((system, *self._said[-1:])))
        return shots.show(system, self._query, self._talk.profile.name, spare // 2, self._count)

    def _ahead(self) -> int:
        """Tokens of the turns that are shown before the chat."""
        return self._count((self._system, *self._shown.turns)) - self._count([self._system])

    def _wanted(self) -> int:
        sources = self._sources
        lore = sources.lore.tokens if sources.lore else 0
        knowledge = sources.knowledge.tokens if sources.knowledge else 0
        return (lore + knowledge + sources.memory_tokens) if sources.prompt else 0

    def _notes(self, recent: Sequence[Message], memory_tokens: int) -> tuple[Note, ...]:
        sources = self._sources
        if sources.prompt is None:
            return ()
        lore = sources.lore.notes(self._said, self._size) if sources.lore else ()
        passages = sources.knowledge.notes(self._query, self._size) if sources.knowledge else ()
        return (*lore, *self._remembered(recent, memory_tokens), *passages)

    def _remembered(self, recent: Sequence[Message], tokens: int) -> tuple[Note, ...]:
        sources, left_out = self._sources, len(self._said) - len(recent)
        summary = [Note("summary", sources.summary, "summary", steady=True)] if left_out and sources.summary else []
        kept = within(summary, tokens // 2, self._size)
        tokens -= sum(self._size(note.text) for note in kept)
        shown = "\n".join(message.content for message in recent)
        memories = [note for note in memory_notes(sources.memories, self._query) if not _is_shown(note, shown)]
        turns = self._talk.heard
        hidden = turns[: len(turns) - self._talk.turns_in(recent)] if left_out else ()
        earlier = earlier_notes(hidden, self._query, self._talk.profile, sources.forgotten)
        told = [note for note in memories[:MOST_MEMORIES] if not any(_said(note) in each.text for each in earlier)]
        return (*kept, *within([*earlier, *told], tokens, self._size))

    def _size(self, text: str) -> int:
        return self._count([Message(role="user", content=text)])

    def _given(self, recent: Sequence[Message], notes: Sequence[Note]) -> Given:
        messages = self._told(recent, notes)
        return Given(messages, (*notes, *self._shown.notes), len(self._said) - len(recent), self._count(messages))

    def _told(self, recent: Sequence[Message], notes: Sequence[Note]) -> tuple[Message, ...]:
        before = self._text([note for note in notes if note.steady and note.before], steady=True)
        after = self._text([note for note in notes if note.steady and not note.before], steady=True)
        parts = [part for part in (before, self._system.content, after) if part]
        messages = list(recent)
        for depth in sorted({note.depth for note in notes if not note.steady}):
            heard = [k for k, message in enumerate(messages[: len(messages) - depth]) if message.role == "user"]
            place = heard[-1] if heard else next((k for k, each in enumerate(messages) if each.role == "user"), None)
            if place is not None:
                told = self._text([note for note in notes if not note.steady and note.depth == depth], steady=False)
                messages[place] = _preceded(messages[place], told)
        return (self._system.model_copy(update={"content": "\n".join(parts)}), *self._shown.turns, *messages)

    def _text(self, notes: Sequence[Note], *, steady: bool) -> str:
        if not notes or self._sources.prompt is None:
            return ""
        texts = {name: [note.text for note in notes if note.kind == kind] for kind, name in _KINDS.items()}
        text = self._sources.prompt.text(name=self._talk.profile.name, steady=steady, **texts)
        return harmless("\n".join(line for line in text.splitlines() if line.strip()))


def _preceded(message: Message, told: str) -> Message:
    return message.model_copy(update={"content": f"{told}\n\n{message.content}"})


def _said(note: Note) -> str:
    """A memory without the name of who told it."""
    return note.text.partition(": ")[2]


def _is_shown(note: Note, shown: str) -> bool:
    return _said(note) in shown
