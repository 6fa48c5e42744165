"""`roletune train --plan`, and what `doctor` suggests: memory and time, before any weight is loaded."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.cli.session import print_json
from roletune.models.architecture import Architecture, from_folder, from_gguf, well_known
from roletune.models.weights import resolve
from roletune.project import Project
from roletune.training.plan import GB, MemoryPlan, cures


def show_plan(folder: Path, *, as_json: bool) -> None:
    """Print the memory plan of a character's training; nothing is made, and no weight is read."""
    from roletune.models.device import free_memory, pick_device
    from roletune.training.forecast import forecast

    project = Project.open(folder, complete=False)
    device, recipe = pick_device(), project.recipe
    if recipe.dtype != "auto":
        device = dataclasses.replace(device, dtype=recipe.dtype)
    expected = forecast(_architecture(project.base), recipe, device, free_memory(device))
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
        "free_bytes": plan.place.free,
        "needed_bytes": plan.needed,
        "peak_bytes": plan.peak,
        "verdict": plan.verdict,
        "parts": [dataclasses.asdict(part) for part in plan.parts],
        "cures": [dataclasses.asdict(cure) for cure in cures(plan)],
    }


def _table(plan: MemoryPlan) -> Table:
    table = Table("what", "GB", "how", title=Text(f"{plan.base.name}, recipe {plan.recipe.name}"))
    for part in plan.parts:
        when = " (while loading only)" if part.phase == "loading" else ""
        table.add_row(part.name, f"{part.bytes / GB:.2f}", Text(part.how + when))
    table.add_row("needed", f"{plan.needed / GB:.2f}", f"in training, {plan.place.dtype} on {plan.place.device}")
    return table


def _summary(plan: MemoryPlan) -> str:
    if plan.place.free is None:
        return "How much memory is free here can't be told. What lowers the need:"
    return f"{plan.place.free / GB:.1f} GB are free: {plan.verdict}. What lowers the need:"
