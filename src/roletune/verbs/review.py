"""Rows of a stage to accept, reject or edit: decisions are Edit records in the journal, and the pipeline applies them.

Guarantees: a decision is on the disk when `decide` returns, so a review goes on where it was left; a later decision
about the same row replaces an earlier one; a row is changed only into another valid row with the same id.

A judge's rating is shown with the dialogue that it is about; rejecting it means that it does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from roletune.engine.store import append_record, file_hash, read_records
from roletune.errors import DatasetError, ProjectError
from roletune.records import Dialogue, DialogueRating, Edit, Example, PreferencePair, Rejection, Scene
from roletune.rendering.script import render_script, render_turn
from roletune.workbench import Workbench

REVIEWED: dict[str, type[BaseModel]] = {
    "scenes": Scene,
    "dialogues": Dialogue,
    "experiences": Dialogue,
    "protective": Dialogue,
    "instructions": Dialogue,
    "traps": Dialogue,
    "plots": Dialogue,
    "rules": Dialogue,
    "ditto": Dialogue,
    "augmentation": Dialogue,
    "pairs": PreferencePair,
    "rating": DialogueRating,
    "dataset/train": Example,
    "dataset/validation": Example,
    "dataset/test": Example,
}
"""What can be reviewed: the name of a stage's file, and what its lines are."""


class Review:
    """The rows of one stage, and the decisions about them. Needs the project's lock."""

    def __init__(self, bench: Workbench, stage: str, *, rejected: bool = False) -> None:
        """With `rejected`, the rows that were not kept: accepting one adds it. Raises ProjectError with a cure."""
        if stage not in REVIEWED:
            raise ProjectError(f"There are no rows of {stage!r} to review. There are: {', '.join(REVIEWED)}.")
        self.stage = stage
        self.model = REVIEWED[stage]
        self._rejected = rejected
        self._journal = bench.project.journal / "edits.jsonl"
        path = bench.project.rejected(stage) if rejected else bench.project.records(stage)
        if not path.is_file():
            raise ProjectError(f"{path} does not exist. Run: roletune {stage.partition('/')[0]}")
        if not rejected and bench.made(stage).is_file() and file_hash(path) != file_hash(bench.made(stage)):
            raise ProjectError(
                f"{path} was changed by hand. Run `roletune {stage.partition('/')[0]}` first: it keeps the changes."
            )
        self.reasons: dict[str, str] = {}
        self.rows: list[BaseModel] = self._usable(path, rejected)
        self.decided = {edit.id: edit for edit in bench.edits() if edit.stage == stage}
        self._rated = _rated(bench, self.rows)

    def _usable(self, path: Path, rejected: bool) -> list[BaseModel]:
        if not rejected:
            return list(read_records(path, self.model))
        rows = []
        for rejection in read_records(path, Rejection):
            try:
                row = self.model.model_validate(rejection.record)
            except ValidationError:  # the raw text of a reply: nothing to accept
                continue
            self.reasons[identity(row)] = rejection.reason
            rows.append(row)
        return rows

    def readable(self, row: BaseModel) -> str:
        """A row as a person wants to read it; a rating with its dialogue, if that is still there."""
        dialogue = self._rated.get(row.dialogue) if isinstance(row, DialogueRating) else None
        return f"{readable(row)}\n\n{readable(dialogue)}" if dialogue else readable(row)

    def pending(self) -> list[BaseModel]:
        """The rows nobody has decided about, in order."""
        return [row for row in self.rows if identity(row) not in self.decided]

    def find(self, prefix: str) -> BaseModel:
        """The row whose id begins so. Raises ProjectError if there is none, or several."""
        found = [row for row in self.rows if identity(row).startswith(prefix)]
        if len(found) != 1 or not prefix:
            raise ProjectError(
                f"{len(found)} rows of {self.stage} have an id that begins with {prefix!r}. Give one id."
            )
        return found[0]

    def accept(self, row: BaseModel) -> None:
        """Keep it; one that was rejected is added as it is."""
        if self._rejected:
            self._decide(Edit(stage=self.stage, id=identity(row), action="edit", record=row.model_dump(mode="json")))
        else:
            self._decide(Edit(stage=self.stage, id=identity(row), action="accept"))

    def reject(self, row: BaseModel) -> None:
        """Leave it out."""
        self._decide(Edit(stage=self.stage, id=identity(row), action="reject"))

    def edit(self, row: BaseModel, text: str) -> BaseModel:
        """Put what `text` (JSON) says in its place. Raises DatasetError if that is no such row, or another one."""
        try:
            changed = self.model.model_validate_json(text)
        except ValidationError as error:
            details = "; ".join(
                f"{'.'.join(map(str, one['loc'])) or 'row'}: {one['msg']}" for one in error.errors()[:3]
            )
            raise DatasetError(
                f"That is no {self.model.__name__} ({details}). Edit it again, or skip the row."
            ) from error
        if identity(changed) != identity(row):
            raise DatasetError(f"The id must stay {identity(row)!r}. Edit it again, or skip the row.")
        self._decide(Edit(stage=self.stage, id=identity(row), action="edit", record=changed.model_dump(mode="json")))
        return changed

    def _decide(self, edit: Edit) -> None:
        append_record(self._journal, edit)
        self.decided[edit.id] = edit


def identity(row: BaseModel) -> str:
    """The id of a row."""
    return str(getattr(row, "id", ""))


def _rated(bench: Workbench, rows: Sequence[BaseModel]) -> dict[str, Dialogue]:
    """The dialogues that ratings are about, by id."""
    stages = {row.stage for row in rows if isinstance(row, DialogueRating)}
    paths = [bench.project.records(stage) for stage in sorted(stages)]
    return {one.id: one for path in paths if path.is_file() for one in read_records(path, Dialogue)}


def readable(row: BaseModel) -> str:
    """A row as a person wants to read it."""
    if isinstance(row, Dialogue):
        told = [f"told beforehand: {row.system}"] if row.system else []
        before = ["before it:", *map(render_turn, row.shown), "the row itself:"] if row.shown else []
        return "\n".join([*told, *before, render_script(row.scene, row.turns)])
    if isinstance(row, DialogueRating):
        return f"{row.stage} {row.dialogue}: {row.score or '-'} of 5, {row.tier}\n{row.reason}"
    if isinstance(row, Scene):
        return render_script(row, ())
    if isinstance(row, Example):
        return "\n".join(f"{one.role}{' (loss)' if one.loss else ''}: {one.content}" for one in row.messages)
    if isinstance(row, PreferencePair):
        told = [f"{one.role}: {one.content}" for one in row.prompt]
        return "\n".join([*told, f"chosen: {row.chosen}", f"rejected: {row.rejected}"])
    return row.model_dump_json(indent=2)


def decide(review: Review, accepted: Sequence[str], rejected: Sequence[str]) -> int:
    """Decide about rows by (the beginning of) their ids, all or none; how many."""
    rows = [(review.accept, review.find(prefix)) for prefix in accepted]
    rows += [(review.reject, review.find(prefix)) for prefix in rejected]
    for decision, row in rows:
        decision(row)
    return len(rows)
