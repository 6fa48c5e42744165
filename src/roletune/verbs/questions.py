"""`roletune questions`: the writer proposes questions for the interview; people edit the file that they go into.

What was proposed once is remembered in journal/questions.jsonl, so that a question which somebody took out of the file
does not come back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from roletune.engine.store import append_record, read_records, write_records
from roletune.errors import ProjectError
from roletune.evaluation.questions import read_questions
from roletune.evaluation.questions_file import add_questions
from roletune.records import Question, Rejection
from roletune.synthesis.questions import QuestionsWanted, new_questions, plan_questions, write_questions
from roletune.verbs.writing import again, ask_each
from roletune.workbench import Workbench

NAME = "questions"
RETRIES = 1


@dataclass(frozen=True)
class Proposed:
    """What a run of the command came to."""

    path: Path
    there: int  # questions in the file before
    added: tuple[Question, ...]
    rejected: tuple[Rejection, ...]


async def propose_questions(bench: Workbench, wanted: QuestionsWanted) -> Proposed:
    """Fill the interview's file up to `per_topic` questions a topic. Raises ProjectError where it can't be added to."""
    profile, path = bench.profile, bench.project.folder / bench.project.character.interview.questions
    if not profile.passages:
        raise ProjectError("The profile has no passage to ask about. Write profile.md, or name sources.")
    there = read_questions(path) if path.is_file() else []
    calls = plan_questions(profile.passages, Counter(one.topic for one in there), wanted)
    writer, prompt = bench.ask("writer", NAME), bench.prompt(NAME)
    made, failed = await ask_each(
        bench,
        NAME,
        calls,
        lambda call: write_questions(call, writer, profile, prompt, wanted, again(bench, RETRIES)),
    )
    known = [*there, *_proposed_before(bench)]
    new, repeated = new_questions([one for questions in made for one in questions], known)
    add_questions(path, new)
    write_records(bench.project.rejected(NAME), [*failed, *repeated])
    for one in new:
        append_record(_journal(bench), one)
    return Proposed(path, len(there), tuple(new), (*failed, *repeated))


def _proposed_before(bench: Workbench) -> list[Question]:
    path = _journal(bench)
    return read_records(path, Question) if path.is_file() else []


def _journal(bench: Workbench) -> Path:
    return bench.project.journal / "questions.jsonl"
