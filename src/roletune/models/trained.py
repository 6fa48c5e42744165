"""What a training leaves in its folder, and how it is put on the base: an adapter, or weights that are all its own.

    folder/adapter_model.safetensors, adapter_config.json   an adapter, as PEFT writes it
    folder/model/                                           or a whole model in the Hugging Face layout

Both are used in PEFT's words: the base is what is left `with model.disable_adapter()`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roletune.errors import MissingExtraError, ModelError, ResourceError
from roletune.models.load import load_causal_lm, quiet

if TYPE_CHECKING:
    import torch

ADAPTER = "adapter_model.safetensors"
ADAPTER_GGUF, WHOLE_GGUF = "adapter.gguf", "model.gguf"  # the same for llama.cpp, beside it
WHOLE = "model"  # the folder of a whole model
RECORD = "adapter.json"  # the `Adapter` record, beside the weights
STEPS = "steps"  # of a run: the states of which one is still to be chosen
_WHOLE_WEIGHTS = f"{WHOLE}/model.safetensors"


def kept_step(run_dir: Path, step: int) -> Path:
    """Where a run has its state after that step, if every one is kept. `steps/STEP` is served as a build folder is."""
    return run_dir / STEPS / str(step) / "adapter"


def trained_weights(folder: Path) -> Path | None:
    """The file with what was trained, whichever kind it is; None if there is neither."""
    found = (folder / name for name in (_WHOLE_WEIGHTS, ADAPTER))
    return next((path for path in found if path.is_file()), None)


def whole_model(folder: Path) -> Path | None:
    """The folder of the whole model that was trained; None where it is an adapter."""
    return folder / WHOLE if (folder / _WHOLE_WEIGHTS).is_file() else None


def put_on(base: Any, folder: Path, dtype: torch.dtype, *, rounded: bool = False) -> Any:
    """The loaded `base` with what was trained in `folder`. A whole model stands beside it: twice the memory.

    `dtype` is the base's; with `rounded` an adapter gets it too, else it stays in float32. Raises ModelError if there
    is nothing, or it does not fit the base.
    """
    if whole := whole_model(folder):
        own = load_causal_lm(whole, dtype)
        own.generation_config = base.generation_config  # who settled that of the base settled both
        return SwitchedModel(own, base)
    try:
        from peft import PeftModel
        from safetensors import SafetensorError
    except ImportError as error:
        raise MissingExtraError("Loading an adapter", "train") from error
    if not (folder / ADAPTER).is_file():
        raise ModelError(f"{folder} has no {ADAPTER}. Train it again, or name another folder.")
    try:
        with quiet():
            return PeftModel.from_pretrained(base, str(folder), autocast_adapter_dtype=not rounded)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if isinstance(error, RuntimeError) and "size mismatch" not in str(error):
            raise  # not about the file: short memory, for one
        raise ModelError(f"The adapter in {folder} can't be loaded: {error}. Train it again.") from error


class SwitchedModel:
    """Two models of one architecture as one: `own`, and `base` inside `disable_adapter()`; all else is passed on."""

    def __init__(self, own: Any, base: Any) -> None:
        self._own, self._base, self._active = own, base, own

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the active one makes of it."""
        return self._active(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._active, name)

    def to(self, device: str) -> SwitchedModel:
        """Both, in place."""
        self._own, self._base = self._own.to(device), self._base.to(device)
        self._active = self._own
        return self

    def eval(self) -> SwitchedModel:
        """Both, in place."""
        return self.train(False)

    def train(self, mode: bool = True) -> SwitchedModel:
        """Both, in place."""
        for model in (self._own, self._base):
            model.train(mode)
        return self

    @contextmanager
    def disable_adapter(self) -> Iterator[None]:
        """The base for the length of a `with` block."""
        self._active = self._base
        try:
            yield
        finally:
            self._active = self._own


def write_model(model: Any, tokenizer: Any, out: Path) -> None:
    """A model of transformers as the folder `out`, safetensors only, whole or not at all; replaces what is there.

    Raises ResourceError if the disk is full.
    """
    with _replaced(out) as folder, quiet():
        model.save_pretrained(folder, max_shard_size="1TB")  # one file: see `trained_weights`
        tokenizer.save_pretrained(folder)
        for weights in folder.glob("*.safetensors"):  # safetensors lets nobody but its writer read them
            weights.chmod((folder / "config.json").stat().st_mode & 0o777)


def copy_model(source: Path, out: Path) -> None:
    """The folder of a model as the folder `out`, likewise."""
    with _replaced(out) as folder:
        shutil.copytree(source, folder)


@contextmanager
def _replaced(out: Path) -> Iterator[Path]:
    """A place for a folder that becomes `out` when all went well."""
    from safetensors import SafetensorError

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=out.parent, prefix=f".{out.name}-", ignore_cleanup_errors=True
        ) as temporary:
            folder = Path(temporary) / "whole"
            yield folder
            if out.is_dir():
                shutil.rmtree(out)
            folder.replace(out)
    except (OSError, SafetensorError) as error:
        told = getattr(error, "strerror", None) or error
        raise ResourceError(f"{out} can't be written ({told}). Free some space there.") from error
