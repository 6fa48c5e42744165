"""What was made from what: why a stage whose inputs have not changed is not run again.

Guarantees: an entry is written only after its outputs exist, and in one step; a manifest that can't be read counts as
empty, so the worst it can cause is work done again. Paths inside the manifest's folder are kept relative to it, so a
character's folder can be moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from roletune.engine.store import file_hash, write_json


class Entry(BaseModel):
    """One stage as it was last made; `inputs` is a hash, `outputs` are paths with their hashes."""

    model_config = ConfigDict(frozen=True)

    inputs: str
    outputs: dict[str, str]
    seconds: float
    peak_memory_bytes: int
    made: str


class _Book(BaseModel):
    schema_version: int = 1
    stages: dict[str, Entry] = {}


class Manifest:
    """The file `manifest.json`; one process at a time (see `engine.lock`)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stages = dict(_read(path).stages)

    def is_current(self, stage: str, inputs: str, outputs: Sequence[Path]) -> bool:
        """Whether `stage` was made from the same inputs into the same files, and these are still there.

        A file that was changed by hand since is there: see `edited`.
        """
        entry = self._stages.get(stage)
        if entry is None or entry.inputs != inputs or set(entry.outputs) != {self._name(path) for path in outputs}:
            return False
        return all(path.exists() for path in outputs)

    def record(
        self,
        stage: str,
        inputs: str,
        outputs: Sequence[Path],
        seconds: float,
        peak_memory_bytes: int,
    ) -> None:
        """Note that `outputs` were made.

        Raises SourceError if an output is missing, ResourceError if the manifest can't be written.
        """
        self._stages[stage] = Entry(
            inputs=inputs,
            outputs={self._name(path): file_hash(path) for path in outputs},
            seconds=seconds,
            peak_memory_bytes=peak_memory_bytes,
            made=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_json(self._path, _Book(stages=self._stages))

    def entry(self, stage: str) -> Entry | None:
        """What is known about a stage; None if it was never made."""
        return self._stages.get(stage)

    def forget(self, stage: str) -> None:
        """As if it had never been made; its outputs stay."""
        if self._stages.pop(stage, None) is not None:
            write_json(self._path, _Book(stages=self._stages))

    def edited(self, stage: str) -> list[Path]:
        """Outputs that are there and not as the stage left them."""
        entry = self._stages.get(stage)
        outputs = {} if entry is None else entry.outputs
        paths = {self._path.parent / name: told for name, told in outputs.items()}
        return [path for path, told in paths.items() if path.is_file() and file_hash(path) != told]

    def _name(self, path: Path) -> str:
        folder = self._path.parent
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path.absolute())


def _read(path: Path) -> _Book:
    try:
        return _Book.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return _Book()
