"""Blind votes: which of two contestants a person prefers, question by question.

Who is left is drawn for every question, by a seed and the voter, and nothing that is shown tells it. A vote is on the
disk before the next question comes. Questions that this voter has voted on for these weights are not asked again;
equal replies are not shown, since nobody could tell them apart.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from roletune.engine.store import append_record, read_records
from roletune.errors import ProjectError
from roletune.evaluation.questions import read_questions
from roletune.evaluation.replies import ask_all
from roletune.records import Contestant, Question, Vote
from roletune.verbs.contestants import adapter_hash, contenders, sampling
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
    """Replies of both to every question (remembered ones are not asked for again), in a drawn order."""
    if pair[0] == pair[1]:
        raise ProjectError(f"{pair[0]} can't stand against itself. Name two contestants: base, base_prompt, adapter.")
    if not (bench.project.build / "adapter" / "adapter_model.safetensors").is_file():
        name, folder = bench.project.character.name, bench.project.folder
        raise ProjectError(f"{name} was not trained yet. Run: roletune run {folder}")
    asked = {name: one for name, one in contenders(bench, STAGE).items() if name in pair}
    every = read_questions(questions or bench.project.questions)
    answers = await ask_all(every, asked, sampling(bench), title="replies to vote on", progress=bench.progress)
    done = {
        vote.question
        for vote in votes(bench)
        if vote.voter == voter and {vote.left, vote.right} == set(pair) and vote.adapter == adapter_hash(bench)
    }
    found, equal, unanswered = list[Bout](), 0, 0
    for place, question in enumerate(every):
        replies = {name: outcome.value.text.strip() if (outcome := answers[name][place]).value else "" for name in pair}
        if not all(replies.values()):
            unanswered += 1
        elif replies[pair[0]] == replies[pair[1]]:
            equal += 1
        elif question.id not in done:
            found.append(_bout(question, pair, replies, f"{seed} {voter} {question.id}"))
    random.Random(f"{seed} {voter}").shuffle(found)
    return Bouts(tuple(found), len(done), equal, unanswered)


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
