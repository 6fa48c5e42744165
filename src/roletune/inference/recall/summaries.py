"""Summaries of what no longer fits the prompt, written by a model while the person reads.

A summary covers the first `CHUNK * k` turns that the character perceived, and is kept under the hash of these very
turns: whatever is edited, retried or forgotten in them orphans it. One call at a time, each from the last summary and
the next chunk, so a chat that is resumed catches up over its next replies.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from roletune.inference.conversation import Conversation
from roletune.inference.recall.memory import without
from roletune.inference.recall.memory_file import MemoryFile
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatRequest, chat_messages
from roletune.prompts import Prompt
from roletune.records import Turn, fingerprint
from roletune.rendering.markup import harmless

CHUNK = 16  # turns
LONGEST = 1200  # characters that are kept of a summary
_LONGEST_LINE = 600
_MAX_TOKENS = 240


def latest_summary(conversation: Conversation, memory: MemoryFile, left_out: int) -> tuple[str, int]:
    """The summary of most of the first `left_out` turns, and how many turns it covers; ('', 0) if there is none."""
    kept = memory.summaries(conversation.partner)
    covered = [number for number, key in enumerate(_keys(conversation, left_out), 1) if key in kept] if kept else []
    return (kept[_keys(conversation, left_out)[covered[-1] - 1]], covered[-1] * CHUNK) if covered else ("", 0)


async def summarise(
    conversation: Conversation, memory: MemoryFile, left_out: int, writer: ChatModel, prompt: Prompt
) -> bool:
    """Have the next chunk of the turns that are left out summed up; False if there is nothing to sum up.

    Raises EndpointError if the writer does not answer.
    """
    before, covered = latest_summary(conversation, memory, left_out)
    end = covered + CHUNK
    if end > left_out:
        return False
    lines = _lines(conversation.heard[covered:end], memory.forgotten(conversation.partner))
    messages = prompt.messages(name=conversation.profile.name, partner=conversation.partner, before=before, lines=lines)
    reply = await writer.complete(ChatRequest(chat_messages(messages), temperature=0.0, max_tokens=_MAX_TOKENS))
    text = harmless(" ".join(reply.text.split()))[:LONGEST]
    if not text:
        return False
    memory.keep_summary(conversation.partner, _keys(conversation, end)[-1], text)
    return True


def _lines(turns: Sequence[Turn], forgotten: Collection[str]) -> list[str]:
    told = ((turn.speaker, " ".join(without(turn.text, forgotten).split())) for turn in turns)
    return [harmless(f"{speaker}: {text[:_LONGEST_LINE]}") for speaker, text in told if text]


def _keys(conversation: Conversation, left_out: int) -> list[str]:
    """The keys of the summaries of one chunk, two chunks and so on; each stands for all turns before its end."""
    key, keys = conversation.scene.id, []
    for start in range(0, left_out // CHUNK * CHUNK, CHUNK):
        turns = conversation.heard[start : start + CHUNK]
        key = fingerprint(key, [(turn.speaker, turn.kind, turn.text) for turn in turns])
        keys.append(key)
    return keys
