"""`roletune prefer`: train the adapter on from pairs of replies, and say what that changed on held-out ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from roletune.cli.session import AsJson, Character, print_json, run_session
from roletune.records import PreferenceReport, Rate
from roletune.training.preference_data import PreferSettings
from roletune.verbs.prefer import make_preferring
from roletune.workbench import Workbench


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="roletune prefer examples/jarvis\n\nroletune prefer examples/jarvis --method kto --json")(prefer)


def prefer(
    character: Character = Path(),
    method: Annotated[str, typer.Option("--method", help="dpo or kto; default: the setting prefer.method.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Train again, also what is finished.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train the adapter in use on from pairs of replies (`roletune pairs`), measure it, and put it to use."""
    if method not in ("", "dpo", "kto"):
        raise typer.BadParameter(f"there is no method {method!r}; there are dpo and kto", param_hint="--method")

    async def work(bench: Workbench) -> PreferenceReport:
        settings: PreferSettings = bench.project.character.prefer
        chosen = settings.model_copy(update={"method": method}) if method else settings
        report = await make_preferring(bench, chosen, again=again)
        for line in _told(report, character):
            bench.progress.say(line)
        return report

    report = run_session(character, work, as_json=as_json)
    if as_json:
        print_json(report.model_dump(mode="json"))


def _told(report: PreferenceReport, folder: Path) -> list[str]:
    lines = [
        f"Run {report.run} ({report.method} on {report.train_pairs} pairs{_thumbs(report)}, from run "
        f"{report.starts_from}) is in use."
    ]
    if report.figures is None:
        lines.append("No pair was held out, so nobody knows what it changed. See prefer.held_out.")
    else:
        margin, gain = report.figures.margin, report.figures.chosen_gain
        lines += [
            f"On {report.measured_pairs} pairs of {report.measured_on}: reward margin {margin.value:+.3f} "
            f"[{margin.low:+.3f}, {margin.high:+.3f}], wider for {_share(report.figures.widened)}",
            f"The chosen reply is likelier in {_share(report.figures.preferred)}, before in "
            f"{_share(report.figures.preferred_before)}; its own log-likelihood a token changed by {gain.value:+.3f} "
            f"[{gain.low:+.3f}, {gain.high:+.3f}]",
        ]
    return [*lines, f"Measure it: roletune run {folder}", f"Go back: roletune use {report.starts_from} {folder}"]


def _thumbs(report: PreferenceReport) -> str:
    return f" and {report.train_thumbs} thumbs" if report.train_thumbs else ""


def _share(rate: Rate) -> str:
    return f"{rate.count} of {rate.n} [{rate.low:.0%}, {rate.high:.0%}]"
