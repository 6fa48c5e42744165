"""`roletune cost`, and what `--dry-run` prints: the bill afterwards and before."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.cli.session import AsJson, Character, print_json
from roletune.engine.manifest import Manifest
from roletune.engine.progress import SilentProgress
from roletune.estimate import Estimate, estimate
from roletune.llm.bill import BillRow
from roletune.llm.ledger import Ledger
from roletune.llm.settings import Endpoint
from roletune.project import Project
from roletune.workbench import Workbench


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="roletune cost examples/jarvis")(cost)


def cost(character: Character = Path(), as_json: AsJson = False) -> None:
    """What was asked of models, by stage and model: calls, tokens, seconds, and the price where it is known."""
    project = Project.open(character)
    with Ledger(project.journal / "ledger.sqlite") as ledger:
        bench = Workbench(project, SilentProgress(), ledger, Manifest(project.build / "manifest.json"))
        rows, endpoints, budget = ledger.bill(), bench.behind.by_identity(), bench.behind.budget
    if as_json:
        print_json([_priced(row, endpoints.get(row.identity)) for row in rows])
        return
    table = Table(title=Text(f"Calls of {project.character.name}"))
    for column in ("stage", "model", "calls", "prompt tokens", "completion tokens", "seconds", "price"):
        table.add_column(column, justify="left" if column in ("stage", "model") else "right")
    for row in rows:
        figures = (row.calls, row.prompt_tokens, row.completion_tokens, round(row.seconds))
        price = _priced(row, endpoints.get(row.identity))
        table.add_row(Text(row.stage), Text(row.model), *(f"{figure:,}" for figure in figures), _told(price))
    console = Console()
    console.print(table)
    if budget.settings.amount:
        console.print(f"Spent of the budget: {budget.spent_amount:.4g} of {budget.settings.amount:g}")
    if budget.settings.tokens:
        console.print(f"Spent of the budget: {budget.spent_tokens:,} of {budget.settings.tokens:,} tokens")


def _priced(row: BillRow, endpoint: Endpoint | None) -> dict[str, object]:
    """A row with its price: nothing for a model on this machine, None where it is not known."""
    price = endpoint.charged if endpoint else None
    amount = price.of(row.prompt_tokens, row.completion_tokens) if price else None
    local = endpoint is None and "://" not in row.identity
    return {**asdict(row), "price": 0.0 if local else amount, "currency": price.currency if price else ""}


def _told(priced: dict[str, object]) -> str:
    amount = priced["price"]
    return "unknown" if amount is None else "none" if not priced["currency"] else f"{amount:.4f} {priced['currency']}"


def print_estimate(folder: Path, until: str, *, as_json: bool) -> None:
    """What the stages up to `until` would ask; nothing is asked or written."""
    rows = asyncio.run(estimate(Project.open(folder), until))
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    console = Console()
    if not rows:
        console.print(f"Nothing: every call up to {until} is answered already or not needed.", markup=False)
        return
    table = Table(title="What would be asked")
    for column in ("stage", "model", "calls", "prompt tokens", "completion tokens", "price"):
        table.add_column(column, justify="left" if column in ("stage", "model") else "right")
    for row in rows:
        tokens = f"{row.completion_tokens:,} (at most {row.most_completion_tokens:,})"
        table.add_row(Text(row.stage), Text(row.model), _calls(row), f"{row.prompt_tokens:,}", tokens, _price(row))
    console.print(table)
    for line in _summary(rows, until):
        console.print(line, markup=False, highlight=False)


def _calls(row: Estimate) -> str:
    about = "about " if row.following else ""
    return f"{about}{row.calls:,} (at most {row.most_calls:,})"


def _price(row: Estimate) -> str:
    if row.local:
        return "none"
    if row.price is None or row.most is None:
        return "unknown"
    return f"{row.price:.4f} (at most {row.most:.4f}) {row.currency}"


def _summary(rows: list[Estimate], until: str) -> list[str]:
    lines = []
    for currency in sorted({row.currency for row in rows if row.currency}):
        mine = [row for row in rows if row.currency == currency]
        price, most = sum(row.price or 0.0 for row in mine), sum(row.most or 0.0 for row in mine)
        lines.append(f"Together about {price:.4f} {currency}, at most {most:.4f} {currency}.")
    if any(row.price is None and not row.local for row in rows):
        lines.append("Unknown prices: add `price: {input: ..., output: ...}` (per million tokens) to the model.")
    if following := sum(row.following for row in rows):
        lines.append(
            f"{following:,} of the calls follow from replies: as many as there are if every reply can be used."
        )
    lines.append("Tokens are estimated. At most: with every reply asked for again, replaced, and as long as it may be.")
    if until in ("train", "evaluate", "report"):
        lines.append("Training and measuring likelihoods ask no endpoint; suites with a judge are not in this.")
    return lines
