"""Make weights trainable: a GGUF file becomes a folder in the Hugging Face layout, once, in the cache.

The weights are stored in float16, which holds 8 times finer steps than bfloat16 at the same size: on SmolLM2 (Q4_1) the
next-token distributions differ from the exact float32 ones by 3e-6 nats (bfloat16: 8e-5; computing in bfloat16: 1e-3).
Weights that float16 can't hold are stored in float32. Guarantees: the folder appears whole or not at all, also when two
processes want it at once.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from filelock import FileLock, Timeout

from roletune.errors import MissingExtraError, ModelError, ResourceError
from roletune.models.cache import cache_dir, cache_note
from roletune.models.gguf_header import read_header
from roletune.models.gguf_reader import parsed_once
from roletune.models.load import quiet
from roletune.models.pretokenizer import restore_pre_tokenizer
from roletune.models.weights import Weights

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_VERSION = 1  # of what we write: raise it when older folders have to be made again
_PATIENCE = 1800.0  # seconds to wait for another process that is making the same folder
_SPARE = 256 << 20  # bytes left free on the disk


class Progress(Protocol):
    """What this module needs of `engine.progress.Progress`."""

    def say(self, message: str) -> None:
        """Show one line."""


def trainable_folder(weights: Weights, progress: Progress | None = None) -> Path:
    """The folder to train from: the weights' own, or the dequantised GGUF, made if it is not in the cache yet.

    Raises `ModelError` for a GGUF of an unsupported kind, `ResourceError` if the disk is full or the cache is locked.
    """
    if weights.folder is not None:
        return weights.folder
    assert weights.gguf is not None
    shelf = cache_dir() / "dequantised"
    final = shelf / f"{weights.identity()}-v{_VERSION}"
    if final.is_dir():
        return final
    shelf.mkdir(parents=True, exist_ok=True)
    _say(progress, cache_note())
    lock = FileLock(shelf / f"{final.name}.lock")
    try:
        with lock.acquire(timeout=_PATIENCE):
            if not final.is_dir():
                _say(progress, f"Preparing {weights.name} for training, once (in {shelf}) ...")
                _make(weights, weights.gguf, final)
    except Timeout as error:
        raise ResourceError(
            f"Another process has been preparing {weights.name} for {_PATIENCE / 60:.0f} minutes. "
            f"Wait for it, or end it and remove {lock.lock_file}."
        ) from error
    return final


def _make(weights: Weights, source: Path, final: Path) -> None:
    _check_disk(read_header(source).parameters * 2, final.parent)
    for left_over in final.parent.glob(f".{final.name}-*"):  # of a process that was killed: the lock is ours
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        dir=final.parent, prefix=f".{final.name}-", ignore_cleanup_errors=True
    ) as temporary:
        folder = Path(temporary) / "whole"
        try:
            _write(source, folder)
        except OSError as error:
            raise ResourceError(
                f"{weights.name} can't be prepared in {final.parent}: {error}. Free some space."
            ) from error
        os.replace(folder, final)


def _check_disk(needed: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE:
        raise ResourceError(
            f"{folder} has {free / 1e9:.1f} GB left and the prepared weights need {(needed + _SPARE) / 1e9:.1f} GB. "
            "Free some space, or set ROLETUNE_CACHE to a folder on another disk."
        )


def _write(source: Path, folder: Path) -> None:
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError("Training", "train") from error
    where: dict[str, Any] = {
        "gguf_file": source.name,
        "local_files_only": True,
        "trust_remote_code": False,
    }
    try:
        # This part of transformers draws its bar past transformers' own switch.
        with quiet(), contextlib.redirect_stderr(io.StringIO()), parsed_once():
            tokenizer = AutoTokenizer.from_pretrained(source.parent, **where)
            loaded = AutoModelForCausalLM.from_pretrained(source.parent, dtype=torch.float32, **where)
    except (ValueError, NotImplementedError, KeyError, ImportError) as error:
        raise ModelError(
            f"{source} can't be made trainable ({error}). Name the model's folder or hub id in its place."
        ) from error
    restore_pre_tokenizer(tokenizer, read_header(source).text("tokenizer.ggml.pre"))
    model = _plain(loaded)
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _plain(loaded: PreTrainedModel) -> PreTrainedModel:
    """The same weights in an ordinary model: one that came from a GGUF refuses to be saved."""
    import torch
    from transformers import AutoModelForCausalLM

    state = loaded.state_dict()
    dtype = torch.float16 if all(_fits_float16(tensor) for tensor in state.values()) else torch.float32
    config = loaded.config
    for left_over in ("quantization_config", "_model_name_or_path"):  # of the GGUF file
        if hasattr(config, left_over):
            delattr(config, left_over)
    with torch.device("meta"):  # no second copy of the weights
        plain = AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=False)
    generation = loaded.generation_config
    del loaded
    plain.load_state_dict({name: state.pop(name).to(dtype) for name in list(state)}, assign=True)
    plain.tie_weights()
    plain.generation_config = generation
    return plain


def _fits_float16(tensor: torch.Tensor) -> bool:
    return bool(tensor.abs().max() < 65504)


def _say(progress: Progress | None, message: str) -> None:
    if progress is not None and message:
        progress.say(message)
