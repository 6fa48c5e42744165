"""In which order and under which headings `roletune --help` lists the commands."""

from __future__ import annotations

import typer
from typer.models import CommandInfo

from roletune.pipeline import METHODS, STAGES

PANELS: dict[str, tuple[str, ...]] = {
    "A character": ("new", "import", "check", "run", "clean"),
    "Stages (each makes what it needs first)": tuple(STAGES),
    "Methods (`roletune run` makes those that `methods:` in character.yaml names)": tuple(METHODS),
    "Data": ("show", "review", "trace", "quality", "cost", "batches"),
    "Training": ("recipes", "runs", "use", "prefer", "ablate", "curve"),
    "Evaluation": ("questions", "compare", "arena", "calibrate", "rolebench"),
    "On stage": ("chat", "memory", "studio", "serve", "export", "install", "installed", "uninstall"),
    "This machine": ("doctor", "fetch"),
}


def arrange(app: typer.Typer) -> None:
    """Put the commands of the app under their headings; one that has none comes last."""
    places = {name: (number, panel) for number, (name, panel) in enumerate(_named())}
    app.registered_commands.sort(key=lambda command: places.get(name_of(command), (len(places), ""))[0])
    for command in app.registered_commands:
        if name_of(command) in places:
            command.rich_help_panel = places[name_of(command)][1]


def name_of(command: CommandInfo) -> str:
    """What the user types."""
    return command.name or getattr(command.callback, "__name__", "").replace("_", "-")


def _named() -> list[tuple[str, str]]:
    return [(name, panel) for panel, names in PANELS.items() for name in names]
