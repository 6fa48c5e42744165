"""Two contestants answer one question: side by side with their names, or blind with a vote and then the names.

Blind votes are those of `roletune arena`: the same questions, the same drawing of sides, the same records and figures.
A question is answered when it is its turn, so the first vote waits for two replies and not for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from roletune.errors import EvaluationError
from roletune.evaluation.judging.contests import votes_report
from roletune.evaluation.replies import ask_all
from roletune.inference.conversation import printable
from roletune.records import Contestant, PairwiseReport, Question, fingerprint
from roletune.studio.troupe import Troupe
from roletune.verbs import arena
from roletune.verbs.arena import Bout
from roletune.verbs.contestants import check_names, contenders, sampling
from roletune.workbench import Workbench

Choice = Literal["left", "right", "tie"]
SEED = 0
LONGEST_QUESTION, LONGEST_VOTER = 4_000, 60  # characters


@dataclass(frozen=True)
class Round:
    """A question with two replies, whose names are told after the vote. `left` counts the questions after this one."""

    who: str
    voter: str
    bout: Bout
    left: int
    equal: int = 0  # questions just passed over, since both replied the same
    unanswered: int = 0  # and those that one of them did not answer


@dataclass(frozen=True)
class Reveal:
    """Who was who, and all votes on this adapter."""

    names: tuple[Contestant, Contestant]
    report: PairwiseReport | None


def own_question(text: str) -> Question | None:
    """What somebody typed as a question; None if that is nothing."""
    words = printable(text).strip()[:LONGEST_QUESTION]
    return Question(id=f"own-{fingerprint(words)}", text=words, topic="own") if words else None


async def side_by_side(troupe: Troupe, who: str, pair: tuple[Contestant, Contestant], text: str) -> tuple[str, str]:
    """Both replies to a question, in the order of `pair`. Raises EvaluationError without a question."""
    question = own_question(text)
    if question is None:
        raise EvaluationError("There is no question. Type one, or compare blindly to take the character's own.")
    async with troupe.on_stage(who) as bench:
        check_names(bench, pair, "compare")
        asked = {name: one for name, one in contenders(bench, arena.STAGE).items() if name in pair}
        found = await ask_all([question], asked, sampling(bench), title="side by side", progress=bench.progress)
    outcomes = [found[name][0] for name in pair]
    for outcome in outcomes:
        if outcome.error:
            raise outcome.error
    left, right = (outcome.value.text.strip() if outcome.value else "" for outcome in outcomes)
    return left, right


async def next_round(
    troupe: Troupe, who: str, pair: tuple[Contestant, Contestant], voter: str, text: str = ""
) -> Round | None:
    """The next question with two different replies, or the one in `text`; None if every question is voted on.

    Raises ProjectError for a contestant against itself, EvaluationError if the replies to `text` can't be voted on.
    """
    voter = " ".join(printable(voter).split())[:LONGEST_VOTER] or "studio"
    async with troupe.on_stage(who) as bench:
        check_names(bench, pair, "compare")
        waiting, _ = arena.open_questions(bench, pair, voter=voter, seed=SEED)
        if question := own_question(text):
            return await _about(bench, who, pair, voter, question, len(waiting))
        equal = unanswered = 0
        for place, question in enumerate(waiting):
            found = await arena.answered(bench, pair, [question], voter=voter, seed=SEED)
            if found.open:
                return Round(who, voter, found.open[0], len(waiting) - place - 1, equal, unanswered)
            equal, unanswered = equal + found.equal, unanswered + found.unanswered
    return None


async def _about(
    bench: Workbench, who: str, pair: tuple[Contestant, Contestant], voter: str, question: Question, left: int
) -> Round:
    found = await arena.answered(bench, pair, [question], voter=voter, seed=SEED)
    if not found.open:
        why = "Both replied the same" if found.equal else "One of them did not reply"
        raise EvaluationError(f"{why}, so there is nothing to vote on. Ask something else.")
    return Round(who, voter, found.open[0], left)


def vote(troupe: Troupe, asked: Round, choice: Choice) -> Reveal:
    """Keep the vote in the journal, and tell who was who."""
    bench = troupe.player(asked.who).bench
    arena.record(bench, asked.bout, choice, voter=asked.voter, seed=SEED)
    return Reveal((asked.bout.left, asked.bout.right), standings(troupe, asked.who))


def standings(troupe: Troupe, who: str) -> PairwiseReport | None:
    """All votes on the adapter in use; None without votes or without an adapter."""
    player = troupe.player(who)
    return votes_report(arena.current_votes(player.bench)) if player.trained else None
