"""`roletune questions`: questions for the interview, proposed by the writer, in a file that you edit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from roletune.cli.session import AsJson, Character, print_json, run_session
from roletune.pipeline import make
from roletune.synthesis.questions import QuestionsWanted
from roletune.verbs.questions import NAME, Proposed, propose_questions
from roletune.workbench import Workbench


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="roletune questions examples/jarvis\n\nroletune questions examples/jarvis --per-topic 25 --round 1"
    )(questions)


def questions(
    character: Character = Path(),
    per_topic: Annotated[
        int, typer.Option("--per-topic", min=1, max=200, help="Questions of each of the four topics, with those there.")
    ] = 15,
    number: Annotated[int, typer.Option("--round", min=0, help="Another number draws other questions.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Have the writer propose questions for the interview; they are added to interview.yaml, for you to edit."""
    wanted = QuestionsWanted(per_topic=per_topic, round=number)

    async def work(bench: Workbench) -> Proposed:
        await make(bench, "profile")
        proposed = await propose_questions(bench, wanted)
        for line in _told(proposed, character, bench.project.rejected(NAME)):
            bench.progress.say(line)
        return proposed

    proposed = run_session(character, work, as_json=as_json)
    if as_json:
        print_json(
            {
                "file": str(proposed.path),
                "there": proposed.there,
                "added": [one.model_dump(mode="json") for one in proposed.added],
                "rejected": [one.model_dump(mode="json") for one in proposed.rejected],
            }
        )


def _told(proposed: Proposed, folder: Path, rejected: Path) -> list[str]:
    reasons = {one.reason: sum(other.reason == one.reason for other in proposed.rejected) for one in proposed.rejected}
    dropped = "".join(f"; {count} not kept: {reason}" for reason, count in reasons.items())
    lines = [f"{len(proposed.added)} questions added to the {proposed.there} of {proposed.path}{dropped}"]
    if proposed.rejected:
        lines += [f"Not kept, with reasons: {rejected}", "To draw others: the same command with another --round"]
    return [*lines, f"Edit the file, then: roletune evaluate {folder} --with interview"]
