"""The characters of one studio, by the names they are served under.

Guarantees: every workbench lives in the event loop that opened it; a character that comes on stage takes the models of
those who are not in the middle of a reply out of memory, so that at most one base stays in it when nobody speaks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
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


class Troupe:
    """Open it with `open_troupe`."""

    def __init__(self, players: Mapping[str, Player]) -> None:
        self.players = dict(players)
        self._door = asyncio.Lock()

    def player(self, name: str) -> Player:
        """A character by its name. Raises ProjectError for one that is not here."""
        if name not in self.players:
            raise ProjectError(f"{name!r} is not in this studio. There are: {', '.join(self.players)}.")
        return self.players[name]

    @asynccontextmanager
    async def on_stage(self, name: str) -> AsyncIterator[Workbench]:
        """The workbench of a character that is about to speak. Raises ProjectError if it was not trained yet."""
        player = self.player(name)
        if not player.trained:
            character = player.project.character.name
            raise ProjectError(f"{character} was not trained yet. Run: roletune run {player.project.folder}")
        async with self._door:
            player.replying += 1
            for other in self.players.values():
                if not other.replying:
                    await other.bench.local.close()
        try:
            yield player.bench
        finally:
            player.replying -= 1


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
        yield Troupe({name: Player(bench) for name, bench in benches.items()})
