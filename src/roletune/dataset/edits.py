"""Hand edits: found by comparing a stage's file with what the stage made, kept in the journal, applied every time.

A record that was changed in the file is an `edit`, one that was deleted is a `reject`, one that was added is an `edit`
under a new id. A later decision about the same record replaces an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from roletune.records import Edit, Rejection

R = TypeVar("R", bound=BaseModel)


def find_edits(stage: str, made: Sequence[BaseModel], found: Sequence[BaseModel]) -> list[Edit]:
    """What somebody did to a stage's file: `made` is what the stage wrote, `found` what the file holds now."""
    before = {_id(record): record for record in made}
    after = {_id(record): record for record in found}
    rejected = [Edit(stage=stage, id=identity, action="reject") for identity in before if identity not in after]
    edited = [
        Edit(stage=stage, id=identity, action="edit", record=record.model_dump(mode="json"))
        for identity, record in after.items()
        if before.get(identity) != record
    ]
    return [*rejected, *edited]


def apply_edits(
    stage: str, records: Iterable[R], edits: Iterable[Edit], model: type[R]
) -> tuple[list[R], list[Rejection]]:
    """`records` as the user wants them, and those rejected; edited records that the stage no longer makes are kept."""
    decisions = {edit.id: edit for edit in edits if edit.stage == stage}
    kept: list[R] = []
    rejected: list[Rejection] = []
    seen: set[str] = set()
    for record in records:
        identity = _id(record)
        seen.add(identity)
        edit = decisions.get(identity)
        if edit is None or edit.action == "accept":
            kept.append(record)
        elif edit.action == "edit":
            kept.append(model.model_validate(edit.record))
        else:
            rejected.append(Rejection(stage=stage, reason="rejected by hand", record=record.model_dump(mode="json")))
    added = [edit for identity, edit in decisions.items() if identity not in seen and edit.action == "edit"]
    return [*kept, *(model.model_validate(edit.record) for edit in added)], rejected


def _id(record: BaseModel) -> str:
    return str(getattr(record, "id", ""))
