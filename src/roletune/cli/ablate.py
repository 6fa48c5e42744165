"""`roletune ablate`: what each part of a recipe is worth, as one table with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from roletune.cli.compare import keep, tell
from roletune.cli.session import AsJson, Character
from roletune.cli.trials import Plan, Seeds, run_trials
from roletune.engine.store import write_json
from roletune.records import Ablations
from roletune.verbs.ablate import compare_trials, measure_variants
from roletune.verbs.variants import FOLDER, WAYS, Variant, read_variants
from roletune.workbench import Workbench


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="roletune ablate examples/jarvis --vary protective,target_only --plan\n\n"
        "roletune ablate examples/jarvis --vary protective,rank=8/16,scenes=0.5 --with boundary\n\n"
        "roletune ablate examples/jarvis --vary target_only --seeds 3 --json"
    )(ablate)


def ablate(
    character: Character = Path(),
    vary: Annotated[
        str, typer.Option("--vary", help=f"What differs, one variant each: {', '.join(WAYS)}; rank=8/16, scenes=0.5.")
    ] = "protective,target_only",
    seeds: Seeds = 1,
    suites: Annotated[
        list[str] | None, typer.Option("--with", help="boundary: leaks and needless refusals too.")
    ] = None,
    plan: Plan = False,
    as_json: AsJson = False,
) -> None:
    """Train variants of the recipe and measure each against the full one, on the same held-out lines."""
    if unknown := set(suites or ()) - {"boundary"}:
        raise typer.BadParameter(f"there is no suite {unknown.pop()!r} here; there is boundary", param_hint="--with")

    def wanted(bench: Workbench) -> list[Variant]:
        return read_variants(vary.split(","), bench.project)

    async def work(bench: Workbench, variants: Sequence[Variant]) -> Ablations:
        trials = await measure_variants(bench, variants, seeds=seeds, with_boundary=bool(suites))
        found = compare_trials(bench, trials)
        place = bench.project.build / FOLDER
        keep(found.comparison, place)
        write_json(place / "ablations.json", found)
        bench.progress.say(f"Page: {place / 'compare.html'}")
        return found

    found = run_trials(character, wanted, work, seeds=seeds, plan=plan, as_json=as_json)
    if found is not None:
        tell(found.comparison, Console())
        for variant in found.variants[1:] if seeds > 1 else ():
            every = ", ".join(f"{difference:+.4f}" for difference in variant.by_seed)
            typer.echo(f"{variant.name}, by seed: {every} nats per token")
