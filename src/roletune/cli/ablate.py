"""`roletune ablate`: what each part of a recipe is worth, as one table with intervals."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.cli.compare import keep, tell
from roletune.cli.session import AsJson, Character, print_json, run_session
from roletune.engine.progress import duration
from roletune.engine.store import write_json
from roletune.pipeline import make
from roletune.records import Ablations
from roletune.verbs.ablate import compare_trials, measure_variants
from roletune.verbs.trial_plan import PlannedTraining, plan_trials
from roletune.verbs.variants import FOLDER, WAYS, Variant, read_variants
from roletune.workbench import Workbench

Seeds = Annotated[int, typer.Option("--seeds", min=1, help="Trainings of each variant, with other seeds.")]
Plan = Annotated[bool, typer.Option("--plan", help="Tell how many trainings it takes and how long, and train nothing.")]


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

    async def work(bench: Workbench) -> Ablations | list[PlannedTraining]:
        await make(bench, "dataset")
        variants: list[Variant] = read_variants(vary.split(","), bench.project)
        if plan:
            return plan_trials(bench, variants, seeds)
        trials = await measure_variants(bench, variants, seeds=seeds, with_boundary=bool(suites))
        found = compare_trials(bench, trials)
        place = bench.project.build / FOLDER
        keep(found.comparison, place)
        write_json(place / "ablations.json", found)
        bench.progress.say(f"Page: {place / 'compare.html'}")
        return found

    found = run_session(character, work, as_json=as_json)
    if isinstance(found, list):
        show_trainings(found, as_json=as_json)
    elif as_json:
        print_json(found.model_dump(mode="json"))
    else:
        tell(found.comparison, Console())
        for variant in found.variants[1:] if seeds > 1 else ():
            every = ", ".join(f"{difference:+.4f}" for difference in variant.by_seed)
            typer.echo(f"{variant.name}, by seed: {every} nats per token")


def show_trainings(planned: list[PlannedTraining], *, as_json: bool) -> None:
    """Print what will be trained."""
    left = [one for one in planned if not one.finished]
    known = [one.seconds for one in left if one.seconds is not None]
    seconds = sum(known) if len(known) == len(left) else None
    if as_json:
        print_json({"trainings": [asdict(one) for one in planned], "left": len(left), "seconds": seconds})
        return
    table = Table("variant", "what", "seed", "tokens", "about")
    for one in planned:
        time = "is there" if one.finished else "?" if one.seconds is None else duration(one.seconds)
        table.add_row(Text(one.variant), Text(one.about), str(one.seed), f"{one.tokens:,}", time)
    console = Console()
    console.print(table)
    told = "nobody knows how long" if seconds is None else f"about {duration(seconds)}"
    console.print(f"{len(left)} of {len(planned)} trainings are left: {told}, and the measuring (an estimate)")
