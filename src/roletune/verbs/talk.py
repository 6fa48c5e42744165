"""`chat`: one or several characters on stage, each with its own adapter, over one copy of their base model.

Adapters and strengths are chosen by each request, so changing a strength restarts nothing. One server has room for all
of them; its prompt cache is read ahead while the person types.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from roletune.engine.progress import Progress
from roletune.errors import ProjectError
from roletune.inference.actor import Actor
from roletune.inference.conversation import Conversation
from roletune.inference.gathering import Gathering
from roletune.llm.model import ChatModel
from roletune.project import Project
from roletune.verbs.load import read_backstage, read_persona
from roletune.verbs.notices import notices
from roletune.verbs.serve import LocalEngine, local_server
from roletune.workbench import Workbench, open_workbench

OnStage = Callable[[float], ChatModel]


@dataclass(frozen=True)
class Cast:
    """Who plays, by name, and the scene they begin in."""

    gathering: Gathering
    actors: Mapping[str, Actor]
    notice: str


@asynccontextmanager
async def open_cast(
    projects: Sequence[Project], progress: Progress, *, strength: float = 1.0, begun: Conversation | None = None
) -> AsyncIterator[Cast]:
    """The characters of `projects`, ready to talk; `begun` is a chat with the first one to be gone on with.

    The scene, the person and the sampling of each are those of its settings, the scene's of the first. Raises
    ProjectError, and ModelError where several have not the same base model.
    """
    first = projects[0].character.chat
    personas = [read_persona(project) for project in projects]
    gathering = Gathering.of(begun or first.begin(personas[0]))
    gathering = replace(gathering, members=tuple(personas))
    async with open_workbench(projects[0], progress) as bench, _stages(projects, bench, progress) as stages:
        writer = bench.bound("writer") if projects[0].character.models.writer else None
        actors = {}
        for project, on_stage in zip(projects, stages, strict=True):
            back = replace(read_backstage(project), writer=writer, can_warm=len(projects) == 1)
            actors[project.character.name] = Actor(on_stage, project.character.chat, back, strength=strength)
        told = dict.fromkeys(" ".join(notices(project)[:1]) for project in projects)
        yield Cast(gathering, actors, "\n".join(notice for notice in told if notice))


@asynccontextmanager
async def _stages(projects: Sequence[Project], bench: Workbench, progress: Progress) -> AsyncIterator[list[OnStage]]:
    """For each character, its model at a strength."""
    if len(projects) == 1:
        yield [bench.on_stage]
        return
    names = [project.character.name for project in projects]
    if len(set(names)) < len(names):
        raise ProjectError(f"Two characters are called {names[0]}: everybody in a scene needs a name of its own.")
    named = dict(zip(names, projects, strict=True))
    log = projects[0].build / "logs" / "server.log"
    # A slot for each: what one was told stays read while another speaks.
    async with local_server(named, LocalEngine(slots=len(projects), log=log), progress) as server:

        def stage(name: str) -> OnStage:
            return lambda strength: server.chat_model(f"{name} {strength}", {name: strength}, name)

        yield [stage(name) for name in names]
