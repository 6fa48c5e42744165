"""`serve`: characters become the models of one endpoint, over one base model or in front of another server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roletune.engine.progress import Progress
from roletune.errors import EndpointError, ModelError, ProjectError
from roletune.inference.serve.cast import Cast, Performer
from roletune.inference.serve.engine import Engine, HttpEngine
from roletune.inference.serve.names import BASE, served_name
from roletune.inference.serve.refusal import Refusal
from roletune.llm.server import LocalServer
from roletune.models.dequantise import trainable_folder
from roletune.models.gguf_base import servable_gguf
from roletune.models.trained import ADAPTER_GGUF, WHOLE_GGUF, whole_model
from roletune.models.weights import Weights, resolve
from roletune.project import Project
from roletune.verbs.load import ai_notice, read_backstage, read_persona, require_made
from roletune.verbs.notices import notices
from roletune.verbs.runs import check_base

LEAST_CONTEXT = 2048  # tokens of a conversation on the local server


@dataclass(frozen=True)
class LocalEngine:
    """How the embedded server runs: conversations at a time, tokens of each (0: what the characters ask), threads."""

    slots: int = 2
    context: int = 0
    threads: int | None = None
    log: Path | None = None


@dataclass(frozen=True)
class Upstream:
    """An OpenAI-compatible server that does the writing; `model` is asked where it lists no model of a character."""

    url: str
    model: str = ""
    key: str | None = None


def open_characters(folders: Sequence[Path], *, trained: bool = True) -> dict[str, Project]:
    """The characters in `folders` by the names they are served under. Raises ProjectError for what can't be served.

    A living person without `consent:` is among that: such a project does not open.
    """
    projects: dict[str, Project] = {}
    for folder in folders:
        project = Project.open(folder)
        name = served_name(project.folder.resolve().name)
        if not name or name == BASE or name in projects:
            raise ProjectError(
                f"{folder} can't be served as {name!r}: the name is taken or empty. Characters are named after their "
                "folders; rename one."
            )
        require_made(project, trained=trained)
        projects[name] = project
    return projects


@asynccontextmanager
async def local_stage(
    projects: Mapping[str, Project], settings: LocalEngine, progress: Progress
) -> AsyncIterator[tuple[Cast, Engine]]:
    """All characters on the embedded server: one copy of their base, one adapter each, its strength as asked.

    One that was trained whole is there alone: it has no base beside it, and no strength.
    """
    async with local_server(projects, settings, progress) as server:
        access = server.chat_model(BASE)

        def adapter(who: str, strength: float) -> Mapping[str, Any]:
            if not server.loras and (who == BASE or strength != 1.0):
                told = "This character was trained whole: there is no base beside it, and no strength but 1."
                raise Refusal(400, told, "no_strength", "model")
            return server.chat_model(BASE, {who: strength} if server.loras and who != BASE else {}).extra

        label = _common_base(projects).label if server.loras else ""
        cast = Cast(_performers(projects, local=True), label, longest_reply=server.n_ctx)
        yield cast, HttpEngine(server.base_url, access.api_key, adapter)


@asynccontextmanager
async def local_server(
    projects: Mapping[str, Project], settings: LocalEngine, progress: Progress
) -> AsyncIterator[LocalServer]:
    """The embedded server with the common base of all characters and their adapters by name; it ends with the block.

    Of a single character that was trained whole it holds that model instead. Raises ModelError if they have no base in
    common, or one of them has nothing that can be served so.
    """
    base, whole = _common_base(projects), _whole(projects)
    for project in projects.values():
        check_base(project, base)
    loras = [] if whole else [(name, _adapter(name, project)) for name, project in projects.items()]
    context = settings.context or max([LEAST_CONTEXT, *(_room(project) for project in projects.values())])
    server = LocalServer(
        whole or servable_gguf(base, trainable_folder(base, progress)),
        loras=loras,
        n_ctx=context,
        n_parallel=settings.slots,
        threads=settings.threads,
        log=settings.log,
        label=base.label,
    )
    await server.start(progress)
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def upstream_stage(
    projects: Mapping[str, Project], upstream: Upstream, progress: Progress
) -> AsyncIterator[tuple[Cast, Engine]]:
    """The same in front of another server: its model of a character's name, else the persona prompt on its base."""
    models: list[str] = []
    base = upstream.model

    def adapter(who: str, strength: float) -> Mapping[str, Any]:
        if who in models and strength == 1.0:
            return {"model": who}
        if who in models and strength != 0.0:
            raise Refusal(
                400, "This server can't change an adapter's strength: ask without it.", "no_strength", "model"
            )
        return {"model": base}

    engine = HttpEngine(upstream.url, upstream.key, adapter, trust_env=True)
    try:
        models += await engine.models()
        base = base or next((name for name in models if name not in projects), "")
        if not base:
            raise EndpointError(f"{upstream.url} lists no base model. Name one with --upstream-model.")
        for name in projects:
            if name not in models:
                progress.say(f"{name}: {upstream.url} has no model of this name; {base} plays it with its prompt alone")
        yield Cast(_performers(projects, local=False), base), engine
    except Refusal as refusal:
        raise EndpointError(f"{upstream.url} lists no models: {refusal.message} Check --upstream.") from refusal
    finally:
        await engine.close()


def _performers(projects: Mapping[str, Project], *, local: bool) -> dict[str, Performer]:
    found = {}
    for name, project in projects.items():
        persona, settings = read_persona(project), project.character.chat
        told = (ai_notice(persona.profile.name), *notices(project))
        found[name] = Performer(name, persona, settings, told, settings.extra if local else {}, read_backstage(project))
    return found


def _common_base(projects: Mapping[str, Project]) -> Weights:
    bases = {name: resolve(project.base) for name, project in projects.items()}
    if len({weights.identity() for weights in bases.values()}) > 1:
        told = ", ".join(f"{name} on {weights.label}" for name, weights in bases.items())
        raise ModelError(
            f"These characters were trained on different base models ({told}), and one server holds one. Serve "
            "those of one base together, and the others with another --port."
        )
    base = next(iter(bases.values()))
    if base.gguf is None:
        raise ModelError(
            f"The embedded server can't serve {base.label}. Serve it with vLLM (roletune export prints the command) "
            "and put this in front: --upstream URL."
        )
    return base


def _whole(projects: Mapping[str, Project]) -> Path | None:
    """The model of the only character, if that was trained whole."""
    if len(projects) != 1:
        return None
    path = next(iter(projects.values())).build / "adapter" / WHOLE_GGUF
    return path.resolve() if path.is_file() and whole_model(path.parent) else None


def _adapter(name: str, project: Project) -> Path:
    path = project.build / "adapter" / ADAPTER_GGUF
    if whole_model(path.parent):
        raise ModelError(
            f"{name} was trained whole (method: full), and one server holds one base with adapters, or one such model. "
            f"Serve it by itself: roletune serve {project.folder}"
        )
    if not path.is_file():
        raise ModelError(f"{name} has no adapter in GGUF. Train it again: roletune train {project.folder} --again")
    return path.resolve()


def _room(project: Project) -> int:
    chat = project.character.chat
    return chat.context_tokens + chat.max_tokens
