"""Thumbs: what somebody thinks of single replies in a chat, kept for KTO and DPO.

A rating holds the scene, all that was said before and the reply, so it stays true whatever the chat goes on to be.
"""

from __future__ import annotations

from datetime import UTC, datetime

from roletune.engine.lock import project_lock
from roletune.engine.store import append_record, read_records
from roletune.inference.conversation import Conversation
from roletune.records import Rating, Turn, fingerprint
from roletune.verbs.contestants import adapter_hash
from roletune.workbench import Workbench

FILE = "ratings.jsonl"


def rate(
    bench: Workbench, conversation: Conversation, place: int, good: bool | None, *, strength: float, edited: bool
) -> Rating:
    """Keep an opinion of the turn at `place` in the journal; None takes an earlier one back."""
    rating = Rating(
        id=rating_id(conversation, place),
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
        append_record(bench.project.journal / FILE, rating)
    return rating


def ratings(bench: Workbench) -> dict[str, Rating]:
    """The last opinion of every reply that has one, by id."""
    path = bench.project.journal / FILE
    last = {rating.id: rating for rating in read_records(path, Rating)} if path.is_file() else {}
    return {identity: rating for identity, rating in last.items() if rating.good is not None}


def rating_id(conversation: Conversation, place: int) -> str:
    """The id of a rating of the turn at `place`."""
    return fingerprint(_moment(conversation, place), conversation.turns[place].text)


def _moment(conversation: Conversation, place: int) -> str:
    return fingerprint(conversation.scene.id, [_plain(turn) for turn in conversation.turns[:place]])


def _plain(turn: Turn) -> list[str]:
    return [turn.speaker, turn.text]
