"""Rows of generated data on a desk: accept, reject, edit, skip, go back. The decisions are those of `roletune review`.

The pipeline's lock is held for each decision and no longer, so a studio that is open stops nobody else's run.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from pydantic import BaseModel

from roletune.engine.lock import project_lock
from roletune.errors import DatasetError
from roletune.studio.troupe import Player
from roletune.verbs.review import REVIEWED, Review, identity


@dataclass(frozen=True)
class Desk:
    """The rows of a stage that nobody had decided about when it was opened, and the place of the one in view."""

    player: Player
    review: Review
    rows: tuple[BaseModel, ...]
    place: int = 0

    @property
    def row(self) -> BaseModel | None:
        """The row in view; None after the last one."""
        return self.rows[self.place] if self.place < len(self.rows) else None

    @property
    def text(self) -> str:
        """The row in view as a person reads it."""
        return self.review.readable(self.row) if self.row else ""

    @property
    def json(self) -> str:
        """The row in view as it is edited; as it was edited, if it was."""
        if self.row is None:
            return ""
        earlier = self.review.decided.get(identity(self.row))
        row = self.review.model.model_validate(earlier.record) if earlier and earlier.record else self.row
        return row.model_dump_json(indent=2)

    @property
    def reason(self) -> str:
        """Why the row in view was not kept, if it was not."""
        return self.review.reasons.get(identity(self.row), "") if self.row else ""

    @property
    def decided(self) -> str:
        """What was decided about the row in view: '' if nothing was."""
        earlier = self.review.decided.get(identity(self.row)) if self.row else None
        return earlier.action if earlier else ""

    @property
    def counts(self) -> dict[str, int]:
        """Decisions about the rows of this stage, by action."""
        ids = {identity(row) for row in self.review.rows}
        return dict(Counter(edit.action for key, edit in sorted(self.review.decided.items()) if key in ids))

    def moved(self, by: int) -> Desk:
        """Another row in view."""
        return replace(self, place=max(0, min(len(self.rows), self.place + by)))


def stages(player: Player) -> list[str]:
    """The stages that have made something to review, kept or not."""
    project = player.project
    files = {stage: (project.records(stage), project.rejected(stage)) for stage in REVIEWED}
    return [stage for stage, paths in files.items() if any(path.is_file() and path.stat().st_size for path in paths)]


def open_desk(player: Player, stage: str, *, rejected: bool = False) -> Desk:
    """The rows of `stage`, or those that were not kept. Raises ProjectError with a cure if there is no such file."""
    review = Review(player.bench, stage, rejected=rejected)
    return Desk(player, review, tuple(review.pending()))


def accept(desk: Desk) -> Desk:
    """Keep the row in view, and go on."""
    if desk.row is not None:
        with project_lock(desk.player.project.build):
            desk.review.accept(desk.row)
    return desk.moved(1)


def reject(desk: Desk) -> Desk:
    """Leave the row in view out, and go on."""
    if desk.row is not None:
        with project_lock(desk.player.project.build):
            desk.review.reject(desk.row)
    return desk.moved(1)


def edit(desk: Desk, text: str) -> Desk:
    """Put what `text` (JSON) says in its place, and go on. Raises DatasetError if it is no such row."""
    if desk.row is None:
        raise DatasetError("There is no row to edit. Choose a stage with rows that nobody has decided about.")
    with project_lock(desk.player.project.build):
        desk.review.edit(desk.row, text)
    return desk.moved(1)
