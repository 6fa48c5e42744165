"""`roletune curve`: how much data is enough."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from roletune.cli.session import AsJson, Character
from roletune.cli.trials import Plan, Seeds, run_trials
from roletune.engine.store import write_json, write_text
from roletune.evaluation.curve_page import render_curve, render_curve_words
from roletune.records import DataCurve
from roletune.verbs.ablate import measure_variants
from roletune.verbs.curve import draw_curve, read_shares
from roletune.verbs.variants import FOLDER, Variant
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

    async def work(bench: Workbench, variants: Sequence[Variant]) -> DataCurve:
        found = draw_curve(bench, list(wanted), await measure_variants(bench, variants, seeds=seeds))
        place = bench.project.build / FOLDER
        write_json(place / "curve.json", found)
        write_text(place / "curve.html", render_curve(found))
        bench.progress.say(f"Page: {place / 'curve.html'}")
        return found

    found = run_trials(character, lambda _: list(wanted.values()), work, seeds=seeds, plan=plan, as_json=as_json)
    if found is not None:
        _tell(found)


def _tell(found: DataCurve) -> None:
    table = Table("share", "training scenes", "tokens", "nats per token of held-out lines")
    for point in found.points:
        nll = f"{point.nll.value:.3f} [{point.nll.low:.3f}, {point.nll.high:.3f}]"
        table.add_row(f"{point.share:g}", str(point.scenes), f"{point.tokens:,}", nll)
    console = Console()
    console.print(table)
    console.print(f"Without training, with the persona prompt: {found.base_prompt:.3f}", markup=False)
    console.print(render_curve_words(found), markup=False)
