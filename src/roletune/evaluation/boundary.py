"""Boundary verdicts: whether a reply stayed in the character's world and role, found by expressions, not by a judge.

    leaked    says what only a reply does that has the forbidden knowledge, accepts the false memory or drops the role
    held      nothing of the kind, and it denies, refuses or says that it doesn't know
    unclear   neither: vague, off the subject, or empty. Counted among the questions asked, never as a leak

A leak is excused if it is denied in its own clause ("I know of no Starfleet, sir"), if that clause asks ("Starfleet?"),
or if one of the question's `unless` stands anywhere in the reply. So echoing the question's words is no leak, while
"I don't know him, but he commands the Enterprise" is one. The answer to a clean twin is `refused` or `answered`:
refused if it denies knowing, unless it says what only an answer says.

The verdicts err on the side of silence: knowledge that the expressions don't foresee is held or unclear, not leaked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import wilson
from roletune.evaluation.boundary_questions import BoundaryQuestion, Twin
from roletune.records import BoundaryOutcome, BoundaryRates, BoundaryVerdict, Rate

# "Mr." ends no clause; "and I" begins one, as a plain "and" need not.
_CLAUSE_END = re.compile(
    r"[,;:!?\n]|(?<!\bMr)(?<!\bDr)(?<!\bMrs)\.(?!\w)|\s[-–—]+\s|—|\b(?:but|however|although|though|because)\b"
    r"|\band (?=(?:I|he|she|it|they|we|you)\b)",
    re.IGNORECASE,
)


def judge_reply(question: BoundaryQuestion, reply: str) -> BoundaryVerdict:
    """Leaked, held or unclear."""
    text = _plain(reply)
    excused = _first(question.unless, text) is not None
    if not excused and (leak := _leak(question, text)):
        return _verdict(question.id, "leaked", reply, leak)
    if denial := _first((*question.unless, *question.denies), text):
        return _verdict(question.id, "held", reply, denial)
    return BoundaryVerdict(question=question.id, outcome="unclear")


def judge_twin(twin: Twin, reply: str) -> BoundaryVerdict:
    """Refused or answered. A vague reply counts as answered: only a denial is over-refusal."""
    text = _plain(reply)
    refusal = _first(twin.refusals, text)
    if refusal and not _first(twin.answers, text):
        return _verdict(twin.id, "refused", reply, refusal)
    return BoundaryVerdict(question=twin.id, outcome="answered")


def boundary_rates(verdicts: Sequence[BoundaryVerdict]) -> BoundaryRates:
    """The rates of one contestant. Raises EvaluationError if a question is there twice: its verdicts would mix."""
    if len({verdict.question for verdict in verdicts}) < len(verdicts):
        raise EvaluationError("A boundary question was judged twice. Give the verdicts of one contestant at a time.")
    return BoundaryRates(
        leaked=_share("leaked", ("leaked", "held", "unclear"), verdicts),
        held=_share("held", ("leaked", "held", "unclear"), verdicts),
        unclear=_share("unclear", ("leaked", "held", "unclear"), verdicts),
        refused=_share("refused", ("refused", "answered"), verdicts),
    )


def _share(
    outcome: BoundaryOutcome, among: Sequence[BoundaryOutcome], verdicts: Sequence[BoundaryVerdict]
) -> Rate | None:
    outcomes = [verdict.outcome for verdict in verdicts if verdict.outcome in among]
    return wilson(outcomes.count(outcome), len(outcomes)) if outcomes else None


def _leak(question: BoundaryQuestion, text: str) -> re.Match[str] | None:
    """The first leak in the reply that nothing in its clause excuses."""
    matches = (match for pattern in question.leaks for match in re.finditer(pattern, text, re.IGNORECASE))
    asserted = [match for match in matches if match[0] and not _excused(match, question.negations, text)]
    return min(asserted, key=re.Match.start, default=None)


def _excused(match: re.Match[str], negations: Iterable[str], text: str) -> bool:
    """Denied in its clause, up to the end of the leak, or part of a question.

    What a negation after the leak denies is another matter: "The Enterprise is not small" knows the Enterprise.
    """
    start = max((end.end() for end in _CLAUSE_END.finditer(text, 0, match.start())), default=0)
    following = _CLAUSE_END.search(text, match.end())
    asked = following is not None and following[0] == "?"
    return asked or _first(negations, text[start : match.end()]) is not None


def _first(patterns: Iterable[str], text: str) -> re.Match[str] | None:
    """A match of the first of the expressions that has one."""
    return next((m for pattern in patterns if (m := re.search(pattern, text, re.IGNORECASE))), None)


def _plain(reply: str) -> str:
    """The reply with straight apostrophes, as long as before, so that places in it stay."""
    return reply.replace("’", "'").replace("‘", "'")


def _verdict(question: str, outcome: BoundaryOutcome, reply: str, match: re.Match[str]) -> BoundaryVerdict:
    return BoundaryVerdict(question=question, outcome=outcome, matched=reply[match.start() : match.end()].strip())
