"""`roletune train --plan`, and what `doctor` suggests: memory and time, before any weight is loaded."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.character_file import TrainSettings
from roletune.cli.session import print_json
from roletune.models.architecture import Architecture, from_folder, from_gguf, well_known
from roletune.models.device import Device
from roletune.models.gpus import GPUS, gpu_named
from roletune.models.weights import resolve
from roletune.project import Project
from roletune.training.parts import bytes_read, divided, host_bytes, read_one_by_one
from roletune.training.plan import GB, MemoryPlan, cures
from roletune.training.ranks import Ranks
from roletune.training.recipe import check_sharding

Plan = Annotated[bool, typer.Option("--plan", help="Print how much memory it takes, and make nothing.")]
Processes = Annotated[
    int | None, typer.Option("--processes", min=1, help="With --plan: one of so many; default: those of the launch.")
]
Gpu = Annotated[
    str | None, typer.Option("--gpu", help=f"With --plan: for another GPU, by its GB or as {', '.join(GPUS)}.")
]


def show_plan(folder: Path, *, recipe: str | None, processes: int | None, gpu: str | None, as_json: bool) -> None:
    """Print the memory plan of a character's training; nothing is made, and no weight is read."""
    from roletune.training.forecast import forecast

    launch = Ranks.of_launch()
    if not launch.first:
        return
    project = Project.open(folder, complete=False)
    if recipe:
        character = project.character.model_copy(update={"train": TrainSettings(recipe=recipe)})
        project = dataclasses.replace(project, character=character)
    device, free = gpu_named(gpu) if gpu else _here(processes or launch.here)
    if project.recipe.dtype != "auto":
        device = dataclasses.replace(device, dtype=project.recipe.dtype)
    together = processes or launch.size
    check_sharding(project.recipe, together)
    expected = forecast(_architecture(project.base), project.recipe, device, free, together)
    if as_json:
        print_json({**_told(expected.plan), "tokens_per_second": expected.tokens_per_second})
        return
    console = Console()
    console.print(_table(expected.plan))
    console.print(_summary(expected.plan), markup=False)
    for cure in cures(expected.plan):
        fits = "" if expected.plan.place.free is None else ", fits" if cure.fits else ", does not fit"
        console.print(f"  {cure.change}: {cure.needed / GB:.1f} GB{fits}", markup=False)
    if expected.tokens_per_second:
        console.print(f"Expected speed: about {expected.tokens_per_second:,.0f} tokens/s (an estimate)", markup=False)


def _here(sharing: int) -> tuple[Device, float | None]:
    from roletune.models.device import free_memory, pick_device

    device = pick_device()
    return device, free_memory(device, sharing)


def _architecture(base: str) -> Architecture:
    """From the table for a model that is known by its hub id, so that nothing is downloaded; else from its files."""
    known = well_known(base) if "/" in base and not Path(base).exists() else None
    if known is not None:
        return known
    weights = resolve(base)
    if weights.gguf is not None:
        return from_gguf(weights.gguf, weights.label)
    assert weights.folder is not None
    return from_folder(weights.folder, weights.label)


def _told(plan: MemoryPlan) -> dict[str, Any]:
    return {
        "base": plan.base.name,
        "recipe": plan.recipe.name,
        "device": plan.place.device,
        "dtype": plan.place.dtype,
        "processes": plan.place.processes,
        "free_bytes": plan.place.free,
        "needed_bytes": plan.needed,
        "peak_bytes": plan.peak,
        "read_bytes": bytes_read(plan.base, plan.recipe, plan.place),
        "host_bytes": host_bytes(plan.base, plan.recipe, plan.place),
        "verdict": plan.verdict,
        "parts": [dataclasses.asdict(part) for part in plan.parts],
        "cures": [dataclasses.asdict(cure) for cure in cures(plan)],
    }


def _table(plan: MemoryPlan) -> Table:
    one = f", one of {plan.place.processes} processes" if plan.place.processes > 1 else ""
    table = Table("what", "GB", "how", title=Text(f"{plan.base.name}, recipe {plan.recipe.name}{one}"))
    for part in plan.parts:
        when = " (while loading only)" if part.phase == "loading" else ""
        table.add_row(part.name, f"{part.bytes / GB:.2f}", Text(part.how + when))
    table.add_row("needed", f"{plan.needed / GB:.2f}", f"in training, {plan.place.dtype} on {plan.place.device}")
    return table


def _summary(plan: MemoryPlan) -> str:
    read = _reading(plan) if plan.place.processes > 1 and plan.place.device == "cuda" else ""
    if plan.place.free is None:
        return f"{read}How much memory is free here can't be told. What lowers the need:"
    whose = " for each of them" if plan.place.processes > 1 else ""
    return f"{read}{plan.place.free / GB:.1f} GB are free{whose}: {plan.verdict}. What lowers the need:"


def _reading(plan: MemoryPlan) -> str:
    """What the machine's memory, not the GPU's, is needed for."""
    asked = plan.base, plan.recipe, plan.place
    host, count = host_bytes(*asked) / GB, plan.place.processes
    if read_one_by_one(*asked):
        what = "its share of the base" if plan.recipe.quantisation == "none" else "the base and keeps its share"
        return (
            f"While it is loaded, each process reads {what}, {bytes_read(*asked) / GB:.1f} GB, one weight after the "
            f"other. Of its machine's memory that takes what the adapters and one weight need: {host:.1f} GB, "
            f"{count * host:.0f} GB for all.\n"
        )
    why = " (files of its family may have to be converted)" if divided(plan.recipe, plan.place) else ""
    return (
        f"While it is loaded, each process reads the base into its machine's memory{why}, {host:.0f} GB: "
        f"{count * host:.0f} GB for all.\n"
    )
