"""The characters of one studio, by the names they are served under.

Guarantees: every workbench lives in the event loop that opened it; a character that comes on stage, or several on one
server, takes the models of those who are not in the middle of a reply out of memory, so that at most one base stays in
it when nobody speaks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from roletune.engine.progress import Progress
from roletune.errors import ProjectError
from roletune.inference.actor import Actor
from roletune.inference.conversation import Conversation
from roletune.llm.model import ChatModel
from roletune.models.trained import trained_weights
from roletune.project import Project
from roletune.verbs.load import ai_notice, read_backstage, read_persona
from roletune.verbs.notices import notices
from roletune.verbs.talk import Stages, shared_stages
from roletune.workbench import Workbench, open_workbench


@dataclass(eq=False)
class Player:
    """One character: its workbench, and how many replies of it are being written."""

    bench: Workbench
    replying: int = 0

    @property
    def project(self) -> Project:
        """Its folder."""
        return self.bench.project

    @property
    def told(self) -> tuple[str, ...]:
        """What everybody who sees it must be told."""
        return (ai_notice(self.project.character.name), *notices(self.project))

    @property
    def trained(self) -> bool:
        """Whether it has an adapter."""
        return trained_weights(self.project.build / "adapter") is not None

    def begin(self) -> Conversation:
        """The opening scene of a chat."""
        return self.project.character.chat.begin(read_persona(self.project))

    def actor(self, strength: float) -> Actor:
        """Who answers once, with all that it recalls; each chat in a browser asks for its own."""
        back = read_backstage(self.project)
        return Actor(self.bench.on_stage, self.project.character.chat, back, strength=strength)


class Company:
    """Several characters on one server, which starts when they are first asked, and how many replies are written."""

    def __init__(self, players: Sequence[Player]) -> None:
        self.players = tuple(players)
        self.replying = 0
        self._stages: Stages | None = None
        self._opened = AsyncExitStack()

    async def open(self) -> Stages:
        """Their models; a server that has died is started again."""
        bench = self.players[0].bench
        if "character" in bench.models:  # somebody stands in for all of them
            return Stages(
                {one.project.character.name: one.bench.on_stage for one in self.players}, bench.stage_models()[0]
            )
        if self._stages is None or not self._stages.runs():
            await self.close()
            projects = [player.project for player in self.players]
            self._stages = await self._opened.enter_async_context(shared_stages(projects, bench.progress))
        return self._stages

    async def close(self) -> None:
        """End their server, if it runs."""
        self._stages = None
        await self._opened.aclose()


class Troupe:
    """Open it with `open_troupe`."""

    def __init__(self, players: Mapping[str, Player]) -> None:
        self.players = dict(players)
        self._companies: dict[tuple[str, ...], Company] = {}
        self._door = asyncio.Lock()

    @property
    def titles(self) -> list[tuple[str, str]]:
        """What each is called, and its name here; two of one name are told apart by their folders."""
        called = {name: player.project.character.name for name, player in self.players.items()}
        many = Counter(called.values())
        return [(f"{title} ({name})" if many[title] > 1 else title, name) for name, title in called.items()]

    def player(self, name: str) -> Player:
        """A character by its name. Raises ProjectError for one that is not here."""
        if name not in self.players:
            raise ProjectError(f"{name!r} is not in this studio. There are: {', '.join(self.players)}.")
        return self.players[name]

    @asynccontextmanager
    async def on_stage(self, name: str) -> AsyncIterator[Workbench]:
        """The workbench of a character that is about to speak. Raises ProjectError if it was not trained yet."""
        player = self._trained(name)
        async with self._door:
            player.replying += 1
            await self._make_room()
        try:
            yield player.bench
        finally:
            player.replying -= 1

    @asynccontextmanager
    async def together(self, names: Sequence[str]) -> AsyncIterator[Stages]:
        """Several that are about to speak, on one server. Raises ProjectError if one of them was not trained yet."""
        players = [self._trained(name) for name in names]
        company = self._companies.setdefault(tuple(names), Company(players))
        company.replying += 1
        try:
            async with self._door:
                await self._make_room()
                stages = await company.open()
            yield stages
        finally:
            company.replying -= 1

    async def close(self) -> None:
        """End the servers of those who played together; the others' end with their workbenches."""
        for company in self._companies.values():
            await company.close()

    def _trained(self, name: str) -> Player:
        player = self.player(name)
        if not player.trained:
            character = player.project.character.name
            raise ProjectError(f"{character} was not trained yet. Run: roletune run {player.project.folder}")
        return player

    async def _make_room(self) -> None:
        for company in self._companies.values():
            if not company.replying:
                await company.close()
        for player in self.players.values():
            if not player.replying:
                await player.bench.local.close()


@asynccontextmanager
async def open_troupe(
    projects: Mapping[str, Project], progress: Progress, models: Mapping[str, ChatModel] | None = None
) -> AsyncIterator[Troupe]:
    """All of them with their ledgers open; `models` can stand in for theirs, as in `open_workbench`."""
    async with AsyncExitStack() as opened:
        benches = {
            name: await opened.enter_async_context(open_workbench(project, progress, dict(models or {})))
            for name, project in projects.items()
        }
        troupe = Troupe({name: Player(bench) for name, bench in benches.items()})
        opened.push_async_callback(troupe.close)
        yield troupe
