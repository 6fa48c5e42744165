"""Weights in memory for replies in this process: the base model, its renderer, and an adapter that can be switched off.

Guarantees: base and adapter share one copy of the weights; a folder's own sampling settings are forgotten, so that a
request alone decides; what can't be loaded is one of our errors.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roletune.errors import ModelError
from roletune.models.device import short_memory
from roletune.models.frozen import Frozen
from roletune.models.hashing import hash_files
from roletune.models.load import load_tokenizer
from roletune.models.trained import put_on, whole_model
from roletune.models.weights import Weights
from roletune.records import Message, fingerprint
from roletune.rendering.template import Renderer

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


@dataclass(eq=False)
class LoadedModel:
    """Weights in memory, with the adapter of the folder `adapter` if there is one. Make it with `load_model`."""

    model: Any
    renderer: Renderer
    device: str
    adapter: Path | None
    frozen: Frozen  # how the base is held
    ends: frozenset[int]  # tokens that end a reply
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "reply"))

    @property
    def context(self) -> int | None:
        """Tokens that prompt and reply may take together, if the model says so."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)

    @contextlib.contextmanager
    def at_strength(self, strength: float) -> Iterator[None]:
        """The adapter at another scale for the length of a `with` block; 1 is as it was trained, 0 is without it."""
        if strength == 0 and self.adapter is not None:
            with self.model.disable_adapter():
                yield
            return
        layers = [part for part in self.model.modules() if hasattr(part, "scaling") and hasattr(part, "set_scale")]
        before = [dict(layer.scaling) for layer in layers]
        try:
            for layer in layers:
                layer.scaling.update({name: scale * strength for name, scale in layer.scaling.items()})
            yield
        finally:
            for layer, scaling in zip(layers, before, strict=True):
                layer.scaling.update(scaling)


def load_model(folder: Path, adapter: Path | None = None) -> LoadedModel:
    """Load a base in the Hugging Face layout, and what was trained of it. Blocks for as long as that takes.

    Beside an adapter the base is held as in its training.
    Raises ModelError or RenderError for what can't be used, ResourceError if the memory does not suffice.
    """
    import torch

    frozen = Frozen.of_run(adapter)
    device = frozen.device()
    renderer = Renderer(load_tokenizer(folder))
    with explained():
        model: Any = frozen.load(folder, device)
        ends = _end_tokens(model, renderer)
        _forget_own_sampling(model, ends)
        if adapter is not None:
            model = put_on(model, adapter, getattr(torch, device.dtype))
        return LoadedModel(model.to(device.name).eval(), renderer, device.name, adapter, frozen, ends)


def served_identity(base: Weights, adapter: Path | None, frozen: Frozen | None = None) -> str:
    """What decides the replies: the base's weights and tokenizer with its template, and the adapter if it is used.

    `frozen` is how the base is held, if it is not as beside `adapter`.
    """
    held = frozen or Frozen.of_run(adapter)
    folder = base.folder
    tokenizer = [folder / name for name in _TOKENIZER_FILES if (folder / name).is_file()] if folder else []
    changed = [path for path in _trained_files(adapter) if path.is_file()] if adapter else []
    return fingerprint(
        held.identity(base.identity()), "transformers", hash_files(tokenizer), hash_files(changed) if changed else ""
    )


def _trained_files(folder: Path) -> tuple[Path, ...]:
    if whole := whole_model(folder):
        return (whole / "model.safetensors", whole / "config.json")
    return (folder / "adapter_model.safetensors", folder / "adapter_config.json")


def _end_tokens(model: Any, renderer: Renderer) -> frozenset[int]:
    """The end token that the template puts after a reply, and those the model itself names."""
    turn = [Message(role="user", content="@"), Message(role="assistant", content="@", loss=True)]
    rendered = renderer.render(turn)
    ends = {rendered.ids[end - 1] for _, end in rendered.spans}
    own = model.generation_config.eos_token_id
    for named in (renderer.tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])):
        if isinstance(named, int):
            ends.add(named)
    return frozenset(ends)


def _forget_own_sampling(model: Any, ends: frozenset[int]) -> None:
    """A model's folder may bring a temperature and penalties of its own; the request alone decides here."""
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(eos_token_id=sorted(ends), pad_token_id=min(ends))


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Torch's errors that a user can do something about; it has no class of its own for them on a CPU."""
    try:
        with short_memory(
            "There is not enough memory for the model or the prompt. Use a smaller base model, or lower "
            "chat.context_tokens and max_tokens."
        ):
            yield
    except RuntimeError as error:
        if "probability tensor contains" in str(error).lower():
            raise ModelError(
                "The model computes numbers that are none (NaN), so it can't choose a word. Train again with a lower "
                "learning rate."
            ) from error
        raise
