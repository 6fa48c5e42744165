"""`roletune arena`: blind A/B votes in the terminal."""

from __future__ import annotations

from getpass import getuser
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from roletune.cli.session import AsJson, Character, print_json, run_session
from roletune.engine.interrupt import stops_at_once
from roletune.evaluation.judging.contests import votes_report
from roletune.evaluation.judging.fence import bounded
from roletune.records import PairwiseReport
from roletune.verbs.arena import Bout, Bouts, current_votes, prepare, record
from roletune.workbench import Workbench

KEYS: dict[str, Literal["left", "right", "tie"]] = {"a": "left", "b": "right", "t": "tie"}
ASKED = "Which is more like the character? a, b, t for a tie, s to skip, q to end: "
Name = Annotated[
    str, typer.Option(help="base, base_prompt, adapter, or one that the settings add (rolegpt, or by its name).")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="roletune arena examples/jarvis\n\nroletune arena examples/jarvis --first base --second base_prompt"
    )(arena)


def arena(
    character: Character = Path(),
    first: Name = "adapter",
    second: Name = "base_prompt",
    questions: Annotated[Path | None, typer.Option(help="Other questions than the character's own.")] = None,
    voter: Annotated[str, typer.Option(help="Who votes; default: the name of the account.")] = "",
    seed: Annotated[int, typer.Option(help="Another seed, another order.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Vote blindly between two contestants; who was who is told at the end."""
    who = voter or getuser()
    console = Console(stderr=as_json)

    async def session(bench: Workbench) -> None:
        bouts = await prepare(bench, (first, second), voter=who, seed=seed, questions=questions)
        _vote(bench, bouts, console, voter=who, seed=seed)
        report = votes_report(current_votes(bench))
        if as_json:
            print_json(report.model_dump(mode="json") if report else None)
        else:
            _print(report, console)

    run_session(character, session, as_json=as_json)


def _vote(bench: Workbench, bouts: Bouts, console: Console, *, voter: str, seed: int) -> None:
    told = [(bouts.voted, "voted on before"), (bouts.equal, "with equal replies"), (bouts.unanswered, "unanswered")]
    left_out = ", ".join(f"{number} {why}" for number, why in told if number)
    console.print(Text(f"{len(bouts.open)} questions" + (f"; left out: {left_out}" if left_out else ""), "dim"))
    for number, bout in enumerate(bouts.open, 1):
        _show(bout, number, len(bouts.open), console)
        choice = _choice(console)
        if choice == "q":
            return
        if choice in KEYS:
            record(bench, bout, KEYS[choice], voter=voter, seed=seed)


def _show(bout: Bout, number: int, total: int, console: Console) -> None:
    console.print(Text(f"\n{number}/{total}  {bounded(bout.question.text)}", "bold"))
    for letter, reply in zip("AB", bout.replies, strict=True):
        console.print(Panel(Text(bounded(reply)), title=letter, title_align="left"))


def _choice(console: Console) -> str:
    """What is typed; the end of the input ends the votes, and Ctrl-C too, which asyncio would not see here."""
    while True:
        try:
            with stops_at_once():
                typed = console.input(ASKED, markup=False).strip().casefold()
        except EOFError:
            return "q"
        if typed in (*KEYS, "s", "q"):
            return typed


def _print(report: PairwiseReport | None, console: Console) -> None:
    if report is None:
        console.print(Text("No votes yet.", "dim"))
        return
    console.print(Text("\nAll votes on this adapter:", "bold"))
    for duel in report.duels:
        line = f"{duel.a} {duel.wins_a} : {duel.wins_b} {duel.b}, {duel.ties} tie{'' if duel.ties == 1 else 's'}"
        if duel.win_rate:
            rate = duel.win_rate
            line += f"; {duel.a} wins {rate.value:.0%} [{rate.low:.0%}, {rate.high:.0%}] of the decided ones"
        console.print(Text(line))
    if len(report.standings) > 2:
        console.print(Text("\nRanking, in log units around 0 (Bradley-Terry, 95 % intervals):", "bold"))
        for row in report.standings:
            console.print(Text(f"{row.name} {row.strength:+.2f} [{row.low:+.2f}, {row.high:+.2f}]"))
    if report.first:
        rate = report.first
        console.print(Text(f"The left one won {rate.value:.0%} [{rate.low:.0%}, {rate.high:.0%}].", "dim"))
