"""A character's models on this machine: its base, and the base with its adapter, on one copy of the weights.

A character whose weights were trained whole is a model of its own: its server holds that one instead of the base.
llama.cpp serves them where it can load them, and transformers in this process where not. Nothing is opened before it is
asked, one server or one model in memory is open at a time, and two who ask at once get the same one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from roletune.engine.progress import Progress
from roletune.engine.store import file_hash
from roletune.inference.loaded_model import LoadedModel, load_model, served_identity
from roletune.inference.transformers_model import TransformersModel
from roletune.llm.model import ChatModel
from roletune.llm.on_demand import OnDemandModel
from roletune.llm.server import LocalServer
from roletune.models.dequantise import trainable_folder
from roletune.models.frozen import Frozen
from roletune.models.gguf_base import SERVED, servable_gguf
from roletune.models.trained import ADAPTER_GGUF, WHOLE_GGUF
from roletune.models.weights import Weights, resolve
from roletune.records import fingerprint

LORA = "character"  # what the character's adapter is called on the local server
SLOTS = 2  # replies at a time
CONTEXT = 2048  # tokens a conversation may take on the local server, at least


@dataclass
class LocalModels:
    """The base by its name, and what was trained in `build/adapter`, whichever that is when it is asked."""

    name: str
    build: Path
    context: int  # tokens a conversation may take
    progress: Progress
    _running: tuple[tuple[Path | None, Path | None], LocalServer] | None = None
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _loaded: LoadedModel | None = None

    @cached_property
    def base(self) -> Weights:
        """The base model's weights. Raises ModelError if there are none."""
        return resolve(self.name)

    def adapter_gguf(self) -> Path | None:
        """The adapter in use as a GGUF file; None where it can't be one."""
        path = self.build / "adapter" / ADAPTER_GGUF
        return path if path.is_file() else None

    def whole_gguf(self) -> Path | None:
        """The whole model that was trained as a GGUF file; None where it is an adapter, or can't be one."""
        path = self.build / "adapter" / WHOLE_GGUF
        return path if path.is_file() else None

    def scales(self) -> bool:
        """Whether the adapter can be put on at any strength, not only on and off."""
        return self.base.gguf is not None and self.adapter_gguf() is not None

    def at(self, scale: float | None) -> ChatModel:
        """The base with the adapter at this scale, on what holds both; None: the base alone, which needs no adapter."""
        lora, whole = (self.adapter_gguf(), self.whole_gguf()) if scale is not None else (None, None)
        gguf = lora or whole
        if self.base.gguf is None or (scale is not None and gguf is None):  # nothing that llama.cpp could load
            return self._in_process(scale)
        # At scale 0 the adapter changes nothing, so a retrained one keeps the base's old replies.
        identity = fingerprint(self.base.identity(), SERVED, file_hash(gguf) if gguf and scale else "")

        async def open_model() -> ChatModel:
            server = await self._server(lora, whole if scale else None)
            return server.chat_model(identity, {LORA: scale or 0.0} if lora else {})

        def is_open() -> bool:
            return self._runs(lora, whole if scale else None)

        return OnDemandModel(f"{identity} {scale}", self._label(scale), open_model, is_open)

    async def loaded(self) -> LoadedModel:
        """The base and the adapter in use as torch weights in this process, for numbers that a server does not give."""
        return await self._load((self.build / "adapter").resolve())

    async def close(self) -> None:
        """End the local server, if one runs, and let go of weights in memory."""
        self._loaded = None
        running, self._running = self._running, None
        if running:
            await running[1].stop()

    def _label(self, scale: float | None) -> str:
        return f"{self.base.label}{'+adapter' if scale else ''}"  # never a path: it goes into records

    def _in_process(self, scale: float | None) -> ChatModel:
        adapter = (self.build / "adapter").resolve() if scale is not None else None
        # Where the adapter is switched off the base is still the one that it was trained beside.
        identity = served_identity(self.base, adapter if scale else None, Frozen.of_run(adapter))
        name = self._label(scale)

        async def open_model() -> ChatModel:
            return TransformersModel(await self._load(adapter), identity, name, adapted=bool(scale))

        return OnDemandModel(identity, name, open_model)

    async def _load(self, adapter: Path | None) -> LoadedModel:
        """The base in memory with this adapter; it also serves those who want none, since it can be switched off.

        But not where the base is held otherwise beside the adapter, in 4 bits: they ask the base as it is.
        """
        other = adapter is not None and self._loaded is not None and self._loaded.adapter != adapter
        if self._loaded is None or other or self._loaded.frozen != Frozen.of_run(adapter):
            self._loaded = None  # before the next one is there: two may not fit
            with self.progress.task(f"Loading {self.base.label}", None):
                folder = trainable_folder(self.base, self.progress)
                self._loaded = await asyncio.to_thread(load_model, folder, adapter)
        return self._loaded

    async def _server(self, adapter: Path | None, whole: Path | None = None) -> LocalServer:
        """The local server with this adapter, or of a whole model; one at a time, since each holds all weights."""
        async with self._starting:
            if not self._runs(adapter, whole):
                await self.close()
                server = LocalServer(
                    # The very weights that are trained on: a coarser file of them answers otherwise (docs/models.md).
                    whole or servable_gguf(self.base, trainable_folder(self.base, self.progress)),
                    loras=[(LORA, adapter)] if adapter else [],
                    n_ctx=max(CONTEXT, self.context),
                    n_parallel=SLOTS,
                    log=self.build / "logs" / "server.log",
                    label=self.base.label,
                )
                await server.start(self.progress)
                self._running = ((adapter, whole), server)
            assert self._running is not None
            return self._running[1]

    def _runs(self, adapter: Path | None, whole: Path | None) -> bool:
        """Whether that server is the one that runs, and has not died."""
        return self._running is not None and self._running[0] == (adapter, whole) and self._running[1].runs
