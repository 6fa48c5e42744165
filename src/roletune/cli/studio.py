"""`roletune studio`: characters on a page in the browser."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from roletune.engine.progress import RichProgress
from roletune.inference.serve.guard import Rules
from roletune.inference.serve.run import listen, run
from roletune.project import Project
from roletune.studio.server import make_app, require_packages, rules_for
from roletune.studio.troupe import open_troupe
from roletune.verbs.serve import open_characters

PASSWORD = "ROLETUNE_STUDIO_PASSWORD"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="roletune studio examples/jarvis\n\nroletune studio examples/jarvis examples/hamlet --port 0")(
        studio
    )


def studio(
    characters: Annotated[list[Path], typer.Argument(help="The characters' folders.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than this machine needs a password.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 is any free one.")] = 7860,
    password: Annotated[
        str, typer.Option(help="Environment variable with the password that the page asks for, if set.")
    ] = PASSWORD,
) -> None:
    """Open a page to talk with characters, compare blindly, review their data, watch trainings and read reports."""
    rules = rules_for(host, os.environ.get(password, "").strip())
    projects = open_characters(characters, trained=False)
    require_packages()
    asyncio.run(_session(projects, rules, (host, port)))


async def _session(projects: dict[str, Project], rules: Rules, address: tuple[str, int]) -> None:
    console = Console(stderr=True)
    with listen(*address) as listening:
        async with open_troupe(projects, RichProgress(console)) as troupe:

            def tell() -> None:
                url = f"http://{address[0]}:{listening.getsockname()[1]}"
                console.print(f"The studio is open at {url} (Ctrl-C ends it)", markup=False, highlight=False)
                for player in troupe.players.values():
                    console.print(" ".join(player.told), style="dim", markup=False, highlight=False)

            await run(make_app(troupe, rules), listening, tell)
