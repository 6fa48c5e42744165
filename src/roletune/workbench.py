"""What the verbs of the pipeline work with: an opened project, its ledger, its models, and somebody to report to.

Models are opened when first asked: a run in which every reply is remembered starts no server and needs no network.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel
from rich.console import RenderableType

from roletune.character_file import ModelBindings
from roletune.dataset.edits import apply_edits, find_edits
from roletune.engine.manifest import Manifest
from roletune.engine.progress import Progress
from roletune.engine.store import append_record, file_hash, read_records, write_records
from roletune.errors import ModelError
from roletune.inference.local_models import SLOTS, LocalModels
from roletune.llm.endpoints import Endpoints
from roletune.llm.ledger import Ledger, RememberedModel
from roletune.llm.model import ChatModel
from roletune.llm.settings import Endpoint
from roletune.models.weights import Weights
from roletune.project import Project
from roletune.prompts import Prompt, load_prompt
from roletune.records import Adapter, Edit, Passage, Profile, Provenance, Rejection, Scene, fingerprint
from roletune.rendering.persona import Persona

R = TypeVar("R", bound=BaseModel)

BATCHES = "batches.sqlite"  # in the journal


@dataclass
class Workbench:
    """One run over one project. Open it with `open_workbench`."""

    project: Project
    progress: Progress
    ledger: Ledger
    manifest: Manifest
    models: dict[str, ChatModel] = field(default_factory=dict)  # by role; a ScriptedModel can stand in here
    show: Callable[[RenderableType], None] = lambda _: None  # where something is worth looking at

    def __post_init__(self) -> None:
        character = self.project.character
        chat = character.chat
        self.local = LocalModels(
            self.project.base, self.project.build, chat.context_tokens + chat.max_tokens, self.progress
        )
        self.behind = Endpoints(
            _bound(character.models), character.budget, self.ledger, self.project.journal / BATCHES, self.progress.say
        )

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

    @property
    def base(self) -> Weights:
        """The base model's weights."""
        return self.local.base

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
        return endpoint.at_a_time if isinstance(endpoint, Endpoint) else SLOTS

    def stage_models(self) -> tuple[ChatModel, ChatModel]:
        """The base model, and it with the character's adapter, on one copy of the weights; nothing is remembered."""
        base = self.models.get("base") or self.local.at(0.0)
        return base, self.models.get("character") or self.local.at(1.0)

    def on_stage(self, strength: float) -> ChatModel:
        """The base model with the adapter at this scale; nothing is remembered. ModelError where it can't be scaled."""
        if strength not in (0.0, 1.0) and "character" not in self.models and not self.local.scales():
            raise ModelError(
                f"What was trained of {self.base.label} is on (1) or off (0): only an adapter that llama.cpp serves "
                "has strengths between."
            )
        return self.models.get("character") or self.local.at(strength)

    def contestants(self, stage: str) -> tuple[ChatModel, ChatModel]:
        """The base model and the character, with every reply remembered."""
        base, adapted = self.stage_models()
        return RememberedModel(base, self.ledger, stage), RememberedModel(adapted, self.ledger, stage)

    def plain(self, stage: str) -> ChatModel:
        """The base model as it is, which needs no adapter to exist, with every reply remembered."""
        return RememberedModel(self.models.get("base") or self.local.at(None), self.ledger, stage)

    def bound(self, role: str) -> ChatModel:
        """The model that the settings bind to a role, the embedded one if they bind none; nothing is remembered."""
        endpoint = getattr(self.project.character.models, role)
        return self.behind.model(endpoint) if isinstance(endpoint, Endpoint) else self.local.at(None)

    def scene(self, location: str, background: str, partner: str) -> Scene:
        """A scene that is only talked in: for questions and for chat."""
        return scene_of(self.project.character.name, location, background, partner)

    def adapter(self) -> Adapter:
        """The adapter in use."""
        return Adapter.model_validate_json((self.project.build / "adapter" / "adapter.json").read_text("utf-8"))


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


def _bound(models: ModelBindings) -> list[Endpoint]:
    """Every endpoint that the settings bind to a role."""
    values = [value for _, value in models]
    return [one for value in values for one in (value if isinstance(value, tuple) else (value,)) if one]


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
            await bench.local.close()
            await bench.behind.close()
