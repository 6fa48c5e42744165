"""`roletune curve`: how much data is enough."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from roletune.cli.ablate import Plan, Seeds, show_trainings
from roletune.cli.session import AsJson, Character, print_json, run_session
from roletune.engine.store import write_json
from roletune.pipeline import make
from roletune.records import DataCurve
from roletune.verbs.ablate import measure_variants
from roletune.verbs.curve import draw_curve, read_shares
from roletune.verbs.trial_plan import PlannedTraining, plan_trials
from roletune.verbs.variants import FOLDER
from roletune.workbench import Workbench


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="roletune curve examples/jarvis --plan\n\nroletune curve examples/jarvis --shares 0.25,0.5,1 --seeds 3"
    )(curve)


def curve(
    character: Character = Path(),
    shares: Annotated[str, typer.Option("--shares", help="Shares of the training scenes.")] = "0.125,0.25,0.5,1",
    seeds: Seeds = 1,
    plan: Plan = False,
    as_json: AsJson = False,
) -> None:
    """Train on nested subsets of the training scenes, and tell what twice the data might bring."""
    wanted = read_shares(shares)

    async def work(bench: Workbench) -> DataCurve | list[PlannedTraining]:
        await make(bench, "dataset")
        if plan:
            return plan_trials(bench, list(wanted.values()), seeds)
        found = draw_curve(bench, list(wanted), await measure_variants(bench, list(wanted.values()), seeds=seeds))
        write_json(bench.project.build / FOLDER / "curve.json", found)
        return found

    found = run_session(character, work, as_json=as_json)
    if isinstance(found, list):
        show_trainings(found, as_json=as_json)
    elif as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _tell(found)


def _tell(found: DataCurve) -> None:
    table = Table("share", "training scenes", "tokens", "nats per token of held-out lines")
    for point in found.points:
        nll = f"{point.nll.value:.3f} [{point.nll.low:.3f}, {point.nll.high:.3f}]"
        table.add_row(f"{point.share:g}", str(point.scenes), f"{point.tokens:,}", nll)
    console, law, twice = Console(), found.law, found.twice
    console.print(table)
    console.print(f"Without training, with the persona prompt: {found.base_prompt:.3f}", markup=False)
    console.print(
        f"Law: {law.floor:.3f} + {law.factor:.3f} * scenes^-{law.exponent:.2f}. Twice the data would bring about "
        f"{twice.value:+.3f} [{twice.low:+.3f}, {twice.high:+.3f}] nats per token, if it goes on like this.",
        markup=False,
    )
