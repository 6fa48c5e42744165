"""What `roletune ablate` and `roletune curve` have in common: options, what will be trained, and the work itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.cli.session import print_json, run_session
from roletune.engine.progress import duration
from roletune.pipeline import make
from roletune.records import Record
from roletune.verbs.trial_plan import PlannedTraining, plan_trials
from roletune.verbs.variants import Variant
from roletune.workbench import Workbench

R = TypeVar("R", bound=Record)
Seeds = Annotated[int, typer.Option("--seeds", min=1, help="Trainings of each variant, with other seeds.")]
Plan = Annotated[bool, typer.Option("--plan", help="Tell how many trainings it takes and how long, and train nothing.")]


def run_trials(
    character: Path,
    variants_of: Callable[[Workbench], Sequence[Variant]],
    work: Callable[[Workbench, Sequence[Variant]], Awaitable[R]],
    *,
    seeds: int,
    plan: bool,
    as_json: bool,
) -> R | None:
    """What `work` makes of the variants, once the dataset of the full recipe is made; None if all has been printed."""

    async def session(bench: Workbench) -> R | list[PlannedTraining]:
        await make(bench, "dataset")
        variants = variants_of(bench)
        return plan_trials(bench, variants, seeds) if plan else await work(bench, variants)

    found = run_session(character, session, as_json=as_json)
    if isinstance(found, list):
        _show_trainings(found, as_json=as_json)
        return None
    if as_json:
        print_json(found.model_dump(mode="json"))
        return None
    return found


def _show_trainings(planned: list[PlannedTraining], *, as_json: bool) -> None:
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
