"""What the verbs of the pipeline work with: an opened project, its ledger, its models, and somebody to report to.

Models are opened when first asked: a run in which every reply is remembered starts no server and needs no network.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel
from rich.console import RenderableType

from roletune.dataset.edits import apply_edits, find_edits
from roletune.engine.manifest import Manifest
from roletune.engine.progress import Progress
from roletune.engine.store import append_record, file_hash, read_records, write_records
from roletune.errors import ModelError
from roletune.inference.loaded_model import LoadedModel, load_model, served_identity
from roletune.inference.transformers_model import TransformersModel
from roletune.llm.batch_journal import BatchJournal
from roletune.llm.batched import BatchedModel
from roletune.llm.budget import Budget, BudgetedModel
from roletune.llm.client import OpenAIChatModel, endpoint_identity
from roletune.llm.ledger import Ledger, RememberedModel
from roletune.llm.model import ChatModel
from roletune.llm.on_demand import OnDemandModel
from roletune.llm.server import LocalServer
from roletune.models.dequantise import trainable_folder
from roletune.models.gguf_base import SERVED, servable_gguf
from roletune.models.weights import Weights, resolve
from roletune.project import Endpoint, Project
from roletune.prompts import Prompt, load_prompt
from roletune.records import Adapter, Edit, Passage, Profile, Provenance, Rejection, Scene, fingerprint
from roletune.rendering.persona import Persona

R = TypeVar("R", bound=BaseModel)

LORA = "character"  # what the character's adapter is called on the local server


@dataclass
class Workbench:
    """One run over one project. Open it with `open_workbench`."""

    project: Project
    progress: Progress
    ledger: Ledger
    manifest: Manifest
    models: dict[str, ChatModel] = field(default_factory=dict)  # by role; a ScriptedModel can stand in here
    show: Callable[[RenderableType], None] = lambda _: None  # where something is worth looking at
    _running: tuple[Path | None, LocalServer] | None = None
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _loaded: LoadedModel | None = None
    _endpoints: dict[Endpoint, OpenAIChatModel] = field(default_factory=dict)
    _batched: dict[Endpoint, BatchedModel] = field(default_factory=dict)

    # -- what is known -----------------------------------------------------------------------------------------------

    @property
    def profile(self) -> Profile:
        """The profile that the stage `profile` made."""
        (profile,) = read_records(self.project.records("profile"), Profile)
        return profile

    @property
    def persona(self) -> Persona:
        """The character's persona prompt."""
        return Persona(self.profile, self.prompt("persona"))

    def passage(self, identity: str | None) -> Passage | None:
        """A passage of the profile by its id."""
        return next((passage for passage in self.profile.passages if passage.id == identity), None)

    def prompt(self, name: str) -> Prompt:
        """A prompt template, the character's own if there is one."""
        return load_prompt(name, self.project.character.language, self.project.prompts)

    @cached_property
    def base(self) -> Weights:
        """The base model's weights."""
        return resolve(self.project.base)

    # -- records of a stage ------------------------------------------------------------------------------------------

    def keep(self, stage: str, made: Sequence[R], rejected: Sequence[Rejection], model: type[R]) -> list[R]:
        """Write what a stage made, with the user's edits applied; returns what is kept."""
        self.adopt_edits(stage, model)
        kept, dropped = apply_edits(stage, made, self.edits(), model)
        # Between the two writes the files differ; without the copy a crash there is not taken for somebody's edits.
        self.made(stage).unlink(missing_ok=True)
        write_records(self.project.records(stage), kept)
        write_records(self.made(stage), kept)
        write_records(self.project.rejected(stage), [*rejected, *dropped])
        return kept

    def adopt_edits(self, stage: str, model: type[BaseModel]) -> None:
        """Make edits out of what somebody changed in a stage's file, so that making it again does not lose them."""
        path, made = self.project.records(stage), self.made(stage)
        if not path.is_file() or not made.is_file() or file_hash(path) == file_hash(made):
            return
        edits = find_edits(stage, read_records(made, model), read_records(path, model))
        for edit in edits:
            append_record(self.project.journal / "edits.jsonl", edit)
        self.progress.say(f"{len(edits)} changes in {path.name} are kept in journal/edits.jsonl")

    def edits(self) -> list[Edit]:
        """Every decision of the user, oldest first."""
        path = self.project.journal / "edits.jsonl"
        return read_records(path, Edit) if path.is_file() else []

    def made(self, stage: str) -> Path:
        """A copy of what the stage wrote, to see what was changed since."""
        return self.project.build / ".made" / f"{stage}.jsonl"

    # -- models ------------------------------------------------------------------------------------------------------

    def ask(self, role: str, stage: str) -> ChatModel:
        """The model bound to a role, with every reply remembered in the ledger under `stage`."""
        return RememberedModel(self.models.get(role) or self.bound(role), self.ledger, stage)

    def concurrency(self, role: str) -> int:
        """How many calls at a time the model of a role takes."""
        endpoint = getattr(self.project.character.models, role, None)  # the base model is nobody's endpoint
        return endpoint.at_a_time if isinstance(endpoint, Endpoint) else LOCAL_SLOTS

    def stage_models(self) -> tuple[ChatModel, ChatModel]:
        """The base model, and it with the character's adapter, on one copy of the weights; nothing is remembered."""
        base = self.models.get("base") or self._local(scale=0.0)
        return base, self.models.get("character") or self._local(scale=1.0)

    def on_stage(self, strength: float) -> ChatModel:
        """The base model with the adapter at this scale; nothing is remembered. ModelError where it can't be scaled."""
        if self.base.gguf is None and strength not in (0.0, 1.0):
            raise ModelError(f"{self.base.label} runs in this process, where an adapter is on (1) or off (0).")
        return self.models.get("character") or self._local(scale=strength)

    async def loaded(self) -> LoadedModel:
        """The base and the adapter in use as torch weights in this process, for numbers that a server does not give."""
        return await self._load((self.project.build / "adapter").resolve())

    def contestants(self, stage: str) -> tuple[ChatModel, ChatModel]:
        """The same two, with every reply remembered."""
        base, adapted = self.stage_models()
        return RememberedModel(base, self.ledger, stage), RememberedModel(adapted, self.ledger, stage)

    def plain(self, stage: str) -> ChatModel:
        """The base model as it is, which needs no adapter to exist, with every reply remembered."""
        return RememberedModel(self.models.get("base") or self._local(scale=None), self.ledger, stage)

    def scene(self, location: str, background: str, partner: str) -> Scene:
        """A scene that is only talked in: for questions and for chat."""
        return scene_of(self.project.character.name, location, background, partner)

    def adapter(self) -> Adapter:
        """The adapter in use."""
        return Adapter.model_validate_json((self.project.build / "adapter" / "adapter.json").read_text("utf-8"))

    def adapter_gguf(self) -> Path | None:
        """The adapter in use as a GGUF file; None where it can't be one."""
        path = self.project.build / "adapter" / "adapter.gguf"
        return path if path.is_file() else None

    def bound(self, role: str) -> ChatModel:
        """The model that the settings bind to a role, the embedded one if they bind none; nothing is remembered."""
        endpoint = getattr(self.project.character.models, role)
        if isinstance(endpoint, Endpoint):
            return self.behind(endpoint)
        return self._local(scale=None)

    def behind(self, endpoint: Endpoint) -> ChatModel:
        """The model behind an endpoint: one for all who ask it, since its limits hold for all together."""
        if endpoint not in self._endpoints:
            self._endpoints[endpoint] = OpenAIChatModel(
                endpoint.url,
                endpoint.model,
                api_key_env=endpoint.key,
                concurrency=endpoint.concurrency,
                requests_per_minute=endpoint.requests_per_minute,
                tokens_per_minute=endpoint.tokens_per_minute,
                timeout=endpoint.timeout,
            )
        asked: OpenAIChatModel | BatchedModel = self._endpoints[endpoint]
        if endpoint.batch and isinstance(asked, OpenAIChatModel):
            batched = BatchedModel(asked, BatchJournal(self.project.journal / BATCHES), self.progress.say)
            asked = self._batched.setdefault(endpoint, batched)
        return BudgetedModel(asked, self.budget, endpoint.charged)

    def endpoints(self) -> dict[str, Endpoint]:
        """Every endpoint that the settings bind to a role, by the identity of its model."""
        bound = [value for _, value in self.project.character.models]
        every = [one for value in bound for one in (value if isinstance(value, tuple) else (value,)) if one]
        return {endpoint_identity(endpoint.url, endpoint.model): endpoint for endpoint in every}

    @cached_property
    def budget(self) -> Budget:
        """What may be spent on endpoints, and what was: by everything that this character's ledger holds."""
        budget, endpoints = Budget(self.project.character.budget), self.endpoints()
        for row in self.ledger.bill():
            if endpoint := endpoints.get(row.identity):
                budget.count(row.prompt_tokens, row.completion_tokens, endpoint.charged, row.calls)
        return budget

    def _local(self, scale: float | None) -> ChatModel:
        """The embedded model; with a scale, on the server that holds the adapter."""
        gguf = self.adapter_gguf() if scale is not None else None
        if self.base.gguf is None or (scale is not None and gguf is None):  # nothing that llama.cpp could load
            return self._in_process(scale)
        # At scale 0 the adapter changes nothing, so a retrained one keeps the base's old replies.
        identity = fingerprint(self.base.identity(), SERVED, file_hash(gguf) if gguf and scale else "")
        name = f"{self.base.label}{'+adapter' if scale else ''}"  # never a path: it goes into records

        async def open_model() -> ChatModel:
            server = await self._server(gguf)
            return server.chat_model(identity, {LORA: scale or 0.0} if gguf else {})

        return OnDemandModel(f"{identity} {scale}", name, open_model)

    def _in_process(self, scale: float | None) -> ChatModel:
        """The same on transformers, in this process."""
        adapter = (self.project.build / "adapter").resolve() if scale is not None else None
        identity = served_identity(self.base, adapter if scale else None)
        name = f"{self.base.label}{'+adapter' if scale else ''}"

        async def open_model() -> ChatModel:
            return TransformersModel(await self._load(adapter), identity, name, adapted=bool(scale))

        return OnDemandModel(identity, name, open_model)

    async def _load(self, adapter: Path | None) -> LoadedModel:
        """The base in memory with this adapter; it also serves those who want none, since it can be switched off."""
        if self._loaded is None or (adapter is not None and self._loaded.adapter != adapter):
            self._loaded = None  # before the next one is there: two may not fit
            with self.progress.task(f"Loading {self.base.name}", None):
                folder = trainable_folder(self.base, self.progress)
                self._loaded = await asyncio.to_thread(load_model, folder, adapter)
        return self._loaded

    async def _server(self, adapter: Path | None) -> LocalServer:
        """The local server with this adapter; one server at a time, since each holds the base's weights."""
        async with self._starting:  # two who ask at once get the same one
            if self._running is None or self._running[0] != adapter:
                await self.close_models()
                chat = self.project.character.chat
                server = LocalServer(
                    # The very weights that are trained on: a coarser file of them answers otherwise (docs/models.md).
                    servable_gguf(self.base, trainable_folder(self.base, self.progress)),
                    loras=[(LORA, adapter)] if adapter else [],
                    n_ctx=max(LOCAL_CONTEXT, chat.context_tokens + chat.max_tokens),
                    n_parallel=LOCAL_SLOTS,
                    log=self.project.build / "logs" / "server.log",
                )
                await server.start(self.progress)
                self._running = (adapter, server)
            return self._running[1]

    async def close_models(self) -> None:
        """End the local server, if one runs, and let go of weights in memory."""
        self._loaded = None
        running, self._running = self._running, None
        if running:
            await running[1].stop()


def scene_of(name: str, location: str, background: str, partner: str) -> Scene:
    """A scene in which a partner talks with the character of that name."""
    identity = fingerprint(location, background, partner)
    return Scene(
        id=identity,
        location=location,
        background=background,
        present=(partner, name),
        provenance=Provenance(source=f"scene:{identity}"),
    )


LOCAL_SLOTS = 2
BATCHES = "batches.sqlite"  # in the journal
LOCAL_CONTEXT = 2048  # tokens a conversation may take on the local server, at least


@asynccontextmanager
async def open_workbench(
    project: Project,
    progress: Progress,
    models: dict[str, ChatModel] | None = None,
    show: Callable[[RenderableType], None] = lambda _: None,
) -> AsyncIterator[Workbench]:
    """A workbench with its ledger open; its servers end with it."""
    with Ledger(project.journal / "ledger.sqlite") as ledger:
        manifest = Manifest(project.build / "manifest.json")
        bench = Workbench(project, progress, ledger, manifest, dict(models or {}), show)
        try:
            yield bench
        finally:
            await bench.close_models()
            for batched in bench._batched.values():
                await batched.close()
            for model in bench._endpoints.values():
                await model.close()
