"""Hand edits: found by comparing a stage's file with what the stage made, kept in the journal, applied every time.

A record that was changed in the file is an `edit`, one that was deleted is a `reject`, one that was added is an `edit`
under a new id. A later decision about the same record replaces an earlier one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from roletune.errors import DatasetError
from roletune.records import Edit, Rejection

R = TypeVar("R", bound=BaseModel)


def find_edits(stage: str, made: Sequence[BaseModel], found: Sequence[BaseModel]) -> list[Edit]:
    """What somebody did to a stage's file: `made` is what the stage wrote, `found` what the file holds now.

    Raises DatasetError if two records have one id: one of them would get lost.
    """
    twice = [identity for identity, times in Counter(map(_id, found)).items() if times > 1]
    if twice:
        raise DatasetError(
            f"{stage}.jsonl holds several records with the id {', '.join(map(repr, twice))}. Give each new one an id "
            "of its own, and run the command again."
        )
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
    """`records` as the user wants them, and those rejected; edited records that the stage no longer makes are kept.

    Raises DatasetError for an edit whose record is not a `model`.
    """
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
            kept.append(_edited(edit, model))
        else:
            rejected.append(Rejection(stage=stage, reason="rejected by hand", record=record.model_dump(mode="json")))
    added = [edit for identity, edit in decisions.items() if identity not in seen and edit.action == "edit"]
    return [*kept, *(_edited(edit, model) for edit in added)], rejected


def _edited(edit: Edit, model: type[R]) -> R:
    try:
        return model.model_validate(edit.record)
    except ValidationError as error:
        details = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'record'}: {one['msg']}" for one in error.errors()[:3])
        raise DatasetError(
            f"The edit of {edit.id!r} of the stage {edit.stage} in journal/edits.jsonl holds no {model.__name__} "
            f"({details}). Correct or delete that line."
        ) from error


def _id(record: BaseModel) -> str:
    return str(getattr(record, "id", ""))
