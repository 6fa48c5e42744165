"""Blind votes: which of two contestants a person prefers, question by question.

Who is left is drawn for every question, by a seed and the voter, and nothing that is shown tells it. A vote is on the
disk before the next question comes. Questions that this voter has voted on for these weights are not asked again;
equal replies are not shown, since nobody could tell them apart.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from roletune.engine.lock import project_lock
from roletune.engine.store import append_record, read_records
from roletune.errors import ProjectError
from roletune.evaluation.questions import read_questions
from roletune.evaluation.replies import ask_all
from roletune.models.trained import trained_weights
from roletune.records import Contestant, Question, Vote
from roletune.verbs.contestants import adapter_hash, check_names, contenders, sampling
from roletune.workbench import Workbench

FILE = "votes.jsonl"
STAGE = "arena"


@dataclass(frozen=True)
class Bout:
    """One question with two replies; `left` and `right` are hidden until the end."""

    question: Question
    left: Contestant
    right: Contestant
    replies: tuple[str, str]


@dataclass(frozen=True)
class Bouts:
    """What there is to vote on, and what is not shown."""

    open: tuple[Bout, ...]
    voted: int
    equal: int
    unanswered: int


async def prepare(
    bench: Workbench, pair: tuple[Contestant, Contestant], *, voter: str, seed: int, questions: Path | None = None
) -> Bouts:
    """Replies of both to every question that is open (remembered ones are not asked for again), in a drawn order."""
    waiting, voted = open_questions(bench, pair, voter=voter, seed=seed, questions=questions)
    found = await answered(bench, pair, waiting, voter=voter, seed=seed)
    return replace(found, voted=voted)


def open_questions(
    bench: Workbench, pair: tuple[Contestant, Contestant], *, voter: str, seed: int, questions: Path | None = None
) -> tuple[list[Question], int]:
    """The questions that `voter` has not voted on for this pair and these weights, in a drawn order; and how many are
    done. Raises ProjectError for an unknown contestant, one against itself, and a character without an adapter."""
    check_names(bench, pair, "arena")
    if pair[0] == pair[1]:
        raise ProjectError(f"{pair[0]} can't stand against itself. Name two contestants, as base_prompt and adapter.")
    if not trained_weights(bench.project.build / "adapter"):
        name, folder = bench.project.character.name, bench.project.folder
        raise ProjectError(f"{name} was not trained yet. Run: roletune run {folder}")
    now = adapter_hash(bench)
    done = {
        vote.question
        for vote in votes(bench)
        if vote.voter == voter and {vote.left, vote.right} == set(pair) and vote.adapter == now
    }
    waiting = [each for each in read_questions(questions or bench.project.questions) if each.id not in done]
    random.Random(f"{seed} {voter}").shuffle(waiting)
    return waiting, len(done)


async def answered(
    bench: Workbench, pair: tuple[Contestant, Contestant], questions: Sequence[Question], *, voter: str, seed: int
) -> Bouts:
    """Replies of both to these questions; who is left is drawn for each."""
    if not questions:
        return Bouts((), 0, 0, 0)
    asked = {name: one for name, one in contenders(bench, STAGE).items() if name in pair}
    answers = await ask_all(questions, asked, sampling(bench), title="replies to vote on", progress=bench.progress)
    found, equal, unanswered = list[Bout](), 0, 0
    for place, question in enumerate(questions):
        replies = {name: outcome.value.text.strip() if (outcome := answers[name][place]).value else "" for name in pair}
        if not all(replies.values()):
            unanswered += 1
        elif replies[pair[0]] == replies[pair[1]]:
            equal += 1
        else:
            found.append(_bout(question, pair, replies, f"{seed} {voter} {question.id}"))
    return Bouts(tuple(found), 0, equal, unanswered)


def record(bench: Workbench, bout: Bout, choice: Literal["left", "right", "tie"], *, voter: str, seed: int) -> Vote:
    """Keep one vote in the journal."""
    vote = Vote(
        question=bout.question.id,
        text=bout.question.text,
        left=bout.left,
        right=bout.right,
        replies=bout.replies,
        choice=choice,
        voter=voter,
        seed=seed,
        adapter=adapter_hash(bench),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with project_lock(bench.project.journal):  # not the pipeline's: a training may go on while somebody votes
        append_record(bench.project.journal / FILE, vote)
    return vote


def votes(bench: Workbench) -> list[Vote]:
    """Every vote on this character, oldest first."""
    path = bench.project.journal / FILE
    return read_records(path, Vote) if path.is_file() else []


def current_votes(bench: Workbench) -> Sequence[Vote]:
    """Those on the adapter in use."""
    now = adapter_hash(bench)
    return [vote for vote in votes(bench) if vote.adapter == now]


def _bout(
    question: Question, pair: tuple[Contestant, Contestant], replies: dict[Contestant, str], drawn_by: str
) -> Bout:
    left, right = pair if random.Random(drawn_by).random() < 0.5 else pair[::-1]
    return Bout(question, left, right, (replies[left], replies[right]))
