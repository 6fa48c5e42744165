"""Checkpoints: everything that a training needs to go on as if nothing had happened, in one file.

The weights, the optimizer's two moments and the counters are one safetensors file that is replaced in one step, so
there is always a whole one. Order, dropout and learning rate are functions of seed and step and need no storing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from roletune.errors import ResourceError, TrainingError
from roletune.records import LossPoint

if TYPE_CHECKING:
    from torch import Tensor

FILE = "checkpoint.safetensors"


class TrainingState(BaseModel):
    """The counters of a training after `step` optimizer steps; immutable, each step makes a new one."""

    model_config = ConfigDict(frozen=True)

    key: str
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    step_seconds: float = 0.0
    curve: tuple[LossPoint, ...] = ()
    best_step: int = 0
    best_loss: float | None = None
    without_gain: int = 0

    def validated(self, loss: float) -> TrainingState:
        """With the result of a validation counted."""
        if self.best_loss is None or loss < self.best_loss:
            return self.model_copy(update={"best_step": self.step, "best_loss": loss, "without_gain": 0})
        return self.model_copy(update={"without_gain": self.without_gain + 1})


def save(folder: Path, state: TrainingState, tensors: dict[str, Tensor]) -> None:
    """Replace the checkpoint. Raises ResourceError on a full disk; the one before is then intact."""
    write_tensors(folder / FILE, tensors, {"state": state.model_dump_json()})


def load(folder: Path, key: str) -> tuple[TrainingState, dict[str, Tensor]] | None:
    """The state and tensors of a run to go on with; None if it has not got that far.

    Raises TrainingError if the folder holds another training (`key` differs), or a file that is no checkpoint.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            state = TrainingState.model_validate_json((file.metadata() or {}).get("state", ""))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, ValueError, OSError) as error:
        raise TrainingError(
            f"{path} is not a checkpoint that can be read. Remove it to train from the start."
        ) from error
    if state.key != key:
        raise TrainingError(
            f"{folder} holds a training with other data, settings or weights. Choose another run folder, or remove it."
        )
    return state, tensors


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """A safetensors file, whole or not at all. Raises ResourceError if the disk is full."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
        mode = temporary.stat().st_mode
        save_file(tensors, temporary, metadata)
        temporary.chmod(mode)  # safetensors hides its files from others, whatever the umask says
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        cure = "Free space on this disk" if full else "See that the folder can be written to"
        raise ResourceError(
            f"{path} could not be written ({error}). {cure} and run again: it goes on from the last checkpoint."
        ) from error
