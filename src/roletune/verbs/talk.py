"""`chat`: one or several characters on stage, each with its own adapter, over one copy of their base model.

Adapters and strengths are chosen by each request, so changing a strength restarts nothing. One server has room for all
of them; its prompt cache is read ahead while the person types.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from roletune.engine.progress import Progress
from roletune.errors import ProjectError
from roletune.inference.actor import Actor
from roletune.inference.conversation import Conversation
from roletune.inference.directing import Director
from roletune.inference.gathering import NARRATOR, Gathering
from roletune.inference.settings import GroupSettings
from roletune.llm.model import ChatModel
from roletune.project import Project
from roletune.prompts import load_prompt
from roletune.verbs.load import read_backstage, read_persona
from roletune.verbs.notices import notices
from roletune.verbs.runs import check_base
from roletune.verbs.serve import LocalEngine, local_server
from roletune.workbench import Workbench, open_workbench

OnStage = Callable[[float], ChatModel]


class Stages(NamedTuple):
    """Each character's model at a strength, by name, and the base model alone; `runs` tells whether they answer."""

    of: Mapping[str, OnStage]
    base: ChatModel
    runs: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Cast:
    """Who plays, by name, and the scene they begin in."""

    gathering: Gathering
    actors: Mapping[str, Actor]
    notice: str
    director: Director


@asynccontextmanager
async def open_cast(
    projects: Sequence[Project],
    progress: Progress,
    *,
    strength: float = 1.0,
    begun: Conversation | None = None,
    group: GroupSettings | None = None,
) -> AsyncIterator[Cast]:
    """The characters of `projects`, ready to talk; `begun` is a chat with the first one to be gone on with.
    `group` takes the place of the first one's settings of that name.

    The scene, the person and the sampling of each are those of its settings, the scene's of the first. Raises
    ProjectError, and ModelError where several have not the same base model.
    """
    _named(projects)
    first = projects[0].character.chat
    group = group or first.group
    personas = [read_persona(project) for project in projects]
    gathering = Gathering.of(begun or first.begin(personas[0]))
    gathering = replace(gathering, members=tuple(personas), narrator=NARRATOR if group.narrator else "")
    async with open_workbench(projects[0], progress) as bench, _stages(projects, bench, progress) as stages:
        writer = bench.bound("writer") if projects[0].character.models.writer else None
        actors = {}
        for project in projects:
            back = replace(read_backstage(project), writer=writer, can_warm=len(projects) == 1)
            actors[project.character.name] = Actor(
                stages.of[project.character.name], project.character.chat, back, strength=strength
            )
        told = dict.fromkeys(" ".join(notices(project)) for project in projects)
        # Without a writer the base model alone directs: it is in memory already.
        director = make_director(projects[0], group, writer or stages.base)
        yield Cast(gathering, actors, "\n".join(notice for notice in told if notice), director)


def make_director(project: Project, group: GroupSettings, model: ChatModel) -> Director:
    """Who chooses the next speaker and narrates, as `group` has it, with the prompts of `project`."""
    language, own = project.character.language, project.prompts
    return Director(
        model,
        chooses=load_prompt("next_speaker", language, own) if group.next == "model" else None,
        narrates=load_prompt("narrator", language, own) if group.narrator else None,
    )


def _named(projects: Sequence[Project]) -> dict[str, Project]:
    names = [project.character.name for project in projects]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ProjectError(f"Two characters are called {twice[0]}: everybody in a scene needs a name of its own.")
    return dict(zip(names, projects, strict=True))


@asynccontextmanager
async def _stages(projects: Sequence[Project], bench: Workbench, progress: Progress) -> AsyncIterator[Stages]:
    if len(projects) == 1:
        check_base(projects[0], bench.base)
        yield Stages({projects[0].character.name: bench.on_stage}, bench.on_stage(0.0))
        return
    async with shared_stages(projects, progress) as stages:
        yield stages


@asynccontextmanager
async def shared_stages(projects: Sequence[Project], progress: Progress) -> AsyncIterator[Stages]:
    """Several characters on one server: their base once, an adapter each. It ends with the block.

    Raises ProjectError if two bear one name, and ModelError where they have not the same base model.
    """
    named = _named(projects)
    log = projects[0].build / "logs" / "server.log"
    # A slot for each: what one was told stays read while another speaks.
    async with local_server(named, LocalEngine(slots=len(projects), log=log), progress) as server:

        def stage(name: str) -> OnStage:
            return lambda strength: server.chat_model(f"{name} {strength}", {name: strength}, name)

        base = server.chat_model("base", {}, server.label)
        yield Stages({name: stage(name) for name in named}, base, lambda: server.runs)
