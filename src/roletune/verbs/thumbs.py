"""Thumbs: what somebody thinks of single replies in a chat, kept for KTO and DPO.

A thumb holds the scene, all that was said before and the reply, so it stays true whatever the chat goes on to be.
"""

from __future__ import annotations

from datetime import UTC, datetime

from roletune.engine.lock import project_lock
from roletune.engine.store import append_record, read_records
from roletune.inference.conversation import Conversation
from roletune.records import Thumb, Turn, fingerprint
from roletune.verbs.contestants import adapter_hash
from roletune.workbench import Workbench

FILE = "thumbs.jsonl"


def rate(
    bench: Workbench, conversation: Conversation, place: int, good: bool | None, *, strength: float, edited: bool
) -> Thumb:
    """Keep an opinion of the turn at `place` in the journal; None takes an earlier one back."""
    thumb = Thumb(
        id=thumb_id(conversation, place),
        moment=_moment(conversation, place),
        scene=conversation.scene,
        context=conversation.turns[:place],
        reply=conversation.turns[place].text,
        good=good,
        strength=strength,
        edited=edited,
        adapter=adapter_hash(bench),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with project_lock(bench.project.journal):  # not the pipeline's: a training may go on meanwhile
        append_record(bench.project.journal / FILE, thumb)
    return thumb


def thumbs(bench: Workbench) -> dict[str, Thumb]:
    """The last opinion of every reply that has one, by id."""
    path = bench.project.journal / FILE
    last = {thumb.id: thumb for thumb in read_records(path, Thumb)} if path.is_file() else {}
    return {identity: thumb for identity, thumb in last.items() if thumb.good is not None}


def thumb_id(conversation: Conversation, place: int) -> str:
    """The id of a thumb for the turn at `place`."""
    return fingerprint(_moment(conversation, place), conversation.turns[place].text)


def _moment(conversation: Conversation, place: int) -> str:
    return fingerprint(conversation.scene.id, [_plain(turn) for turn in conversation.turns[:place]])


def _plain(turn: Turn) -> list[str]:
    return [turn.speaker, turn.text]
