"""`roletune trace`: where a row comes from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from roletune.cli.session import AsJson, Character, print_json
from roletune.engine.manifest import Manifest
from roletune.engine.progress import SilentProgress
from roletune.llm.ledger import Ledger
from roletune.project import Project
from roletune.records import Turn
from roletune.rendering.script import render_turn
from roletune.verbs.trace import Trace, TracedCall, trace_row
from roletune.workbench import Workbench


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="roletune trace 3f9a examples/jarvis\n\nroletune trace 3f9a examples/jarvis --json")(trace)


def trace(
    row: Annotated[str, typer.Argument(help="The id of a training example, dialogue or scene, or how it begins.")],
    character: Character = Path(),
    as_json: AsJson = False,
) -> None:
    """Follow a row back to its dialogue, scene, passage, prompt and model, and to what was asked and answered."""
    project = Project.open(character)
    with Ledger(project.journal / "ledger.sqlite") as ledger:
        bench = Workbench(project, SilentProgress(), ledger, Manifest(project.build / "manifest.json"))
        traced = trace_row(bench, row)
    if as_json:
        plain = asdict(traced)
        print_json(
            plain
            | {"passage": traced.passage and traced.passage.model_dump()}
            | {"edits": [edit.model_dump() for edit in traced.edits]}
        )
    else:
        _print(traced, Console())


def _print(traced: Trace, console: Console) -> None:
    _section(console, f"Row {traced.row['id']}", _facts(traced.row, traced.file))
    for message in traced.row.get("messages", ()):
        _text(console, f"{message['role']}{' (loss)' if message['loss'] else ''}: {message['content']}")
    for message in traced.row.get("prompt", ()):
        _text(console, f"{message['role']}: {message['content']}")
    for name in ("chosen", "rejected"):
        if name in traced.row:
            _text(console, f"{name}: {traced.row[name]}")
    if traced.dialogue:
        _section(console, f"Dialogue {traced.dialogue['id']}", _facts(traced.dialogue, traced.dialogue_file))
    for turn in (traced.dialogue or traced.row).get("turns", ()):
        _text(console, render_turn(Turn.model_validate(turn)))
    if traced.scene:
        _section(console, f"Scene {traced.scene['id']}", traced.scene)
    if traced.passage:
        _section(console, f"Passage {traced.passage.id}", traced.passage.model_dump())
    for call in traced.calls:
        _print_call(console, call)
    for key in traced.missing:
        _text(console, f"The call {key} is not in this ledger.")
    for edit in traced.edits:
        _section(console, "By hand", edit.model_dump(exclude={"record"}))


def _print_call(console: Console, traced: TracedCall) -> None:
    call = traced.call
    parameters = {
        name: value for name, value in call.request.items() if name != "messages" and value not in (None, {}, [])
    }
    facts = {"stage": call.stage, "model": call.model, "identity": call.identity, "time": call.created, **parameters}
    reply = call.reply
    facts |= {"tokens": f"{reply.prompt_tokens} + {reply.completion_tokens}", "ended": reply.finish_reason}
    _section(console, f"Call {reply.key[:16]} that made the {traced.made}", facts)
    _text(console, f"prompt {traced.template}" if traced.template else "The prompt's file was changed since.", "dim")
    for message in call.request["messages"]:
        _text(console, f"{message['role']}: {message['content']}")
    console.print(Text("reply", "bold"))
    _text(console, reply.text)


def _facts(record: dict[str, Any], file: str) -> dict[str, Any]:
    names = ("split", "origin", "purpose", "category", "window")
    return {"file": file, **{name: record[name] for name in names if record.get(name)}, **record["provenance"]}


def _section(console: Console, title: str, facts: dict[str, Any]) -> None:
    console.print()
    console.print(Text(title, "bold"))
    for name, value in facts.items():
        if value not in (None, "", [], {}) and not isinstance(value, dict):
            console.print(
                Text(f"  {name}: ", "dim") + Text(", ".join(value) if isinstance(value, list) else str(value))
            )


def _text(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style))
