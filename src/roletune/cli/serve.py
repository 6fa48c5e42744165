"""`roletune serve`: characters as the models of an OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from roletune.engine.progress import RichProgress
from roletune.errors import ProjectError, RoletuneError
from roletune.inference.serve.clients import client_snippets
from roletune.inference.serve.guard import Rules
from roletune.inference.serve.names import served_name
from roletune.inference.serve.playing import Opening, Rotation, on_hangup
from roletune.inference.serve.run import LAST_WORDS, ended_by_sigterm, listen, require_packages, rules_for, run
from roletune.installed import installed_names
from roletune.project import Project
from roletune.verbs.serve import LocalEngine, Upstream, local_stage, open_characters, upstream_stage

if TYPE_CHECKING:
    from roletune.inference.serve.app import Limits
    from roletune.inference.serve.cast import Cast
    from roletune.inference.serve.engine import Engine

KEY = "ROLETUNE_API_KEY"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="roletune serve examples/jarvis examples/hamlet\n\nroletune serve examples/jarvis --clients\n\n"
        "roletune serve examples/jarvis --upstream http://127.0.0.1:8000/v1"
    )(serve)


def serve(
    characters: Annotated[
        list[Path] | None, typer.Argument(help="The characters' folders or names; default: all that are installed.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; other than this machine needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 is any free one.")] = 8337,
    clients: Annotated[bool, typer.Option("--clients", help="Print what to enter in clients, and end.")] = False,
    upstream: Annotated[str, typer.Option(help="URL up to /v1 of the server that writes; else the embedded one.")] = "",
    upstream_model: Annotated[str, typer.Option(help="Its base model; default: the first that it lists.")] = "",
    upstream_key: Annotated[str, typer.Option(help="Environment variable with its key.")] = "OPENAI_API_KEY",
    key: Annotated[str, typer.Option(help="Environment variable with the key that clients must send, if set.")] = KEY,
    cors: Annotated[list[str] | None, typer.Option(help="Origin of a web page that may ask; several times.")] = None,
    slots: Annotated[int, typer.Option(min=0, help="Replies at a time; 0: 2, with --upstream 32.")] = 0,
    queue: Annotated[int, typer.Option(min=0, help="Requests that may wait; more get 429.")] = 64,
    rate: Annotated[int, typer.Option(min=0, help="Requests a minute from one address; 0: any number.")] = 600,
    body: Annotated[int, typer.Option(min=1, help="KB that a request may have.")] = 2000,
    context: Annotated[int, typer.Option(min=0, help="Tokens of a conversation; 0: what the characters need.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="Threads of the embedded server; 0: all cores.")] = 0,
    last_words: Annotated[
        int, typer.Option(min=1, help="Seconds for replies to end in after Ctrl-C or SIGTERM.")
    ] = LAST_WORDS,
) -> None:
    """Serve characters as models, with an endpoint like OpenAI's; Ctrl-C ends it, SIGHUP opens the characters anew."""
    if clients:
        names = [served_name(Project.open(folder).folder.resolve().name) for folder in _wanted(characters)]
        typer.echo(client_snippets(f"http://{host}:{port}/v1", names, key if os.environ.get(key) else ""))
        return
    require_packages()
    from roletune.inference.serve.app import Limits

    rules = rules_for(host, os.environ.get(key, "").strip(), tuple(cors or ()))
    limits = Limits(slots or (32 if upstream else 2), queue, rate, body * 1000)
    engine = LocalEngine(limits.slots, context, threads or None)
    other = Upstream(upstream, upstream_model, os.environ.get(upstream_key)) if upstream else None
    progress = RichProgress(Console(stderr=True))

    def opening() -> AbstractAsyncContextManager[tuple[Cast, Engine]]:
        projects = open_characters(_wanted(characters), trained=not upstream)
        return upstream_stage(projects, other, progress) if other else local_stage(projects, engine, progress)

    try:
        asyncio.run(_session(opening, rules, limits, (host, port), last_words))
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("Ended.", err=True)


def _wanted(characters: list[Path] | None) -> list[Path]:
    """The characters that were named, else those that are installed now. Raises ProjectError if there are none."""
    found = characters or [Path(name) for name in installed_names()]
    if not found:
        raise ProjectError("No character is installed. Name the folder of one: roletune serve FOLDER")
    return found


async def _session(opening: Opening, rules: Rules, limits: Limits, address: tuple[str, int], last_words: int) -> None:
    from roletune.inference.serve.app import Stage, make_app

    console = Console(stderr=True)
    with listen(*address) as listening, ended_by_sigterm():
        url = f"http://{address[0]}:{listening.getsockname()[1]}/v1"
        async with Rotation(opening) as rotation:
            stage = Stage(rotation.cast, rotation.engine, limits)

            def tell() -> None:
                console.print(
                    f"Serving {', '.join(stage.cast.performers)} and base at {url}", markup=False, highlight=False
                )
                for performer in stage.cast.performers.values():
                    console.print(" ".join(performer.notices), style="dim", markup=False, highlight=False)

            async def reopen() -> None:
                try:
                    await rotation.change(stage.change)
                except RoletuneError as error:
                    console.print(f"Nothing was changed. {error}", style="red", markup=False, highlight=False)
                else:
                    tell()

            with on_hangup(reopen):
                await run(make_app(stage, rules), listening, tell, last_words=last_words)
