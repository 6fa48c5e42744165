"""Everything of a report as tables: what is beside the page as CSV, and inside it as downloads.

One table for each thing that was measured, a row for each thing that was said or counted; a suite that was not run has
none. Shares are from 0 to 1, likelihoods in nats; a missing value is an empty cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from roletune.evaluation.spreadsheet import Cell, write_table
from roletune.records import Interviews, Report

Rows = Iterator[list[Cell]]
Table = tuple[tuple[str, ...], Callable[[Report], Rows]]


class Written(NamedTuple):
    """A table as CSV, and how many rows it has below its header."""

    text: str
    rows: int


def report_tables(report: Report) -> dict[str, Written]:
    """By name, in the order of the page; only tables that have a row."""
    tables = {name: (header, list(rows(report))) for name, (header, rows) in _TABLES.items()}
    return {name: Written(write_table(header, rows), len(rows)) for name, (header, rows) in tables.items() if rows}


def interviews_table(interviews: Interviews) -> str:
    """Every score of every interview with the judge's steps; None where there is no score."""
    header = ("interview", "form", "topic", "contestant", "talk", "judge", "dimension", "score", "steps", "reason")
    rows: list[list[Cell]] = []
    for item in interviews.items:
        talk = "\n".join(f"Q: {turn.question}\nA: {turn.reply}" for turn in item.turns)
        start: list[Cell] = [item.id, item.form, item.topic, item.contestant, talk]
        rows += [[*start, s.judge, s.dimension, s.score, "\n".join(s.steps), s.reason] for s in item.scores]
        rows += [[*start, "", "", None, "", item.failed]] if not item.scores else []
    return write_table(header, rows)


def _replies(report: Report) -> Rows:
    for reply in report.evaluation.replies:
        for name in report.evaluation.contestants:
            found = "; ".join(f"{one.check}: {one.message}" for one in reply.findings.get(name, ()))
            yield [reply.topic, reply.question, name, reply.said(name), found]


def _style(report: Report) -> Rows:
    for name, checks in report.evaluation.style.rates.items():
        for check, rate in checks.items():
            yield [check, name, rate.count, rate.n, rate.value, rate.low, rate.high]


def _lines(report: Report) -> Rows:
    for line in report.evaluation.likelihood.lines:
        yield [line.dialogue, line.line, line.tokens, line.base, line.base_prompt, line.adapter, line.text]


def _boundary(report: Report) -> Rows:
    for answer in report.boundary.answers if report.boundary else ():
        for name, reply in answer.replies.items():
            verdict = answer.verdicts.get(name)
            outcome, matched = (verdict.outcome, verdict.matched) if verdict else ("unanswered", "")
            yield [answer.question, answer.category, answer.text, name, reply, outcome, matched]


def _pressure(report: Report) -> Rows:
    for answer in report.pressure.answers if report.pressure else ():
        for turn in answer.turns:
            outcome, matched = (turn.verdict.outcome, turn.verdict.matched) if turn.verdict else (turn.failed, "")
            yield [answer.question, answer.contestant, turn.step, turn.said, turn.reply, outcome, matched]


def _interview(report: Report) -> Rows:
    for row in report.interview.scores if report.interview else ():
        yield [row.form, row.dimension, row.contestant, row.mean, row.low, row.high, row.n, row.unscored]


def _voice(report: Report) -> Rows:
    found = report.voice
    for name, copied in found.copying.items() if found else ():
        assert found is not None
        shares = (found.taken.get(name), found.phrase_use.get(name), copied.copied, copied.repeated, copied.distinct)
        identified = found.identification.per_token.get(name) if found.identification else None
        yield [name, *(one.value if one else None for one in (*shares, identified)), copied.longest.value]


def _heard(report: Report) -> Rows:
    for one in report.voice.heard if report.voice else ():
        yield [one.question, one.contestant, one.reply, one.score, one.by_embedding]


def _capability(report: Report) -> Rows:
    for answer in report.capability.answers if report.capability else ():
        for footing, chosen in answer.chosen.items():
            said = answer.options[chosen] if chosen is not None else None
            yield [answer.question, answer.text, footing, said, None if chosen is None else int(chosen == 0)]


def _questionnaire(report: Report) -> Rows:
    for answer in report.questionnaire.answers if report.questionnaire else ():
        yield [answer.item, answer.repetition, answer.contestant, answer.value, answer.reply]


def _bandit(report: Report) -> Rows:
    for game in report.bandit.games if report.bandit else ():
        for pull, (arm, reward, reply) in enumerate(zip(game.arms, game.rewards, game.replies, strict=True)):
            yield [game.contestant, game.game, pull, arm, reward, reply]


def _obedience(report: Report) -> Rows:
    for answer in report.obedience.answers if report.obedience else ():
        for name, reply in answer.replies.items():
            broken = answer.broken[name]
            yield [answer.question, " ".join(answer.rules), name, reply, None if broken is None else " ".join(broken)]


def _wikirole(report: Report) -> Rows:
    for verdict in report.wikirole.verdicts if report.wikirole else ():
        for vote in verdict.votes:
            yield [verdict.kind, verdict.item, verdict.turn, verdict.contestant, verdict.judge, vote.value, vote.reason]


def _learning(report: Report) -> Rows:
    for point in report.training.curve:
        yield [point.step, point.epoch, point.tokens, point.seconds, point.train_loss, point.validation_loss]


def _data(report: Report) -> Rows:
    data = report.data
    kinds = {"origin": data.origins, "purpose": data.purposes, "partner": data.partners, "not kept": data.rejected}
    for kind, counts in kinds.items():
        for name, count in counts.items():
            yield [kind, name, count]


_RATE = ("count", "n", "share", "low", "high")
_VERDICT = ("contestant", "reply", "outcome", "matched")
_VOICE = ("taken", "catchphrase", "copied", "said_again", "distinct_pairs", "real_line_preferred", "longest_copied_run")
_TABLES: dict[str, Table] = {
    "replies": (("topic", "question", "contestant", "reply", "findings"), _replies),
    "style": (("check", "contestant", *_RATE), _style),
    "boundary": (("question", "category", "text", *_VERDICT), _boundary),
    "pressure": (("question", "contestant", "step", "said", "reply", "outcome", "matched"), _pressure),
    "interview": (("form", "dimension", "contestant", "mean", "low", "high", "n", "unscored"), _interview),
    "voice": (("contestant", *_VOICE), _voice),
    "heard": (("question", "contestant", "reply", "log_odds", "log_odds_by_embedding"), _heard),
    "wikirole": (("kind", "item", "turn", "contestant", "judge", "vote", "reason"), _wikirole),
    "capability": (("question", "text", "footing", "chosen", "right"), _capability),
    "questionnaire": (("item", "repetition", "contestant", "value", "reply"), _questionnaire),
    "bandit": (("contestant", "game", "pull", "arm", "reward", "reply"), _bandit),
    "obedience": (("question", "rules", "contestant", "reply", "broken"), _obedience),
    "lines": (("dialogue", "line", "tokens", "base", "base_prompt", "adapter", "text"), _lines),
    "learning": (("step", "epoch", "tokens", "seconds", "train_loss", "validation_loss"), _learning),
    "data": (("kind", "name", "records"), _data),
}
