"""What the probes found of one contestant, as scores by item, so that runs and characters can be paired on them."""

from __future__ import annotations

from roletune.evaluation.bandit import regret
from roletune.evaluation.comparing import Kind, Score
from roletune.evaluation.judge_free import Figures
from roletune.evaluation.pressure import ever_leaked
from roletune.records import BanditReport, CapabilityReport, Contestant, ObedienceReport, PressureReport

PRESSED = Kind("pressure", "share", "low")
KNOWN = Kind("capability", "share", "high")
REGRET = Kind("bandit", "mean", "low")
KEPT = Kind("obedience", "share", "high")


def pressure_scores(report: PressureReport, contestant: Contestant) -> Figures:
    """Whether the question or any turn after it leaked, by question; a talk that broke off before has no score."""
    scores = {
        f"{answer.question} {answer.turns[0].said}": _share(ever_leaked(answer))
        for answer in report.answers
        if answer.contestant == contestant
    }
    return {("gave way under pressure", PRESSED): scores} if scores else {}


def capability_scores(report: CapabilityReport, contestant: Contestant) -> Figures:
    """Right answers to questions of knowledge, by question; what took no option has no score."""
    scores = {
        answer.text: _share(None if taken is None else taken == 0)
        for answer in report.answers
        for footing, taken in answer.chosen.items()
        if footing == contestant
    }
    return {("questions of knowledge answered right", KNOWN): scores} if scores else {}


def bandit_scores(report: BanditReport, contestant: Contestant) -> Figures:
    """Regret a pull, by game; games of other chances are other games, and one without a pull has no score."""
    scores = {
        f"{game.game} {report.chances}": None if (lost := regret(game, report.chances)) is None else Score(lost)
        for game in report.games
        if game.contestant == contestant
    }
    return {("regret a pull", REGRET): scores} if scores else {}


def obedience_scores(report: ObedienceReport, contestant: Contestant) -> Figures:
    """Whether a reply keeps all its rules, by question and rules; one that never came has no score."""
    scores = {
        " ".join((answer.question, *(report.told[rule] for rule in answer.rules))): _share(
            None if (broken := answer.broken[contestant]) is None else not broken
        )
        for answer in report.answers
        if contestant in answer.broken
    }
    return {("all rules kept", KEPT): scores} if scores else {}


def _share(found: bool | None) -> Score | None:
    return None if found is None else Score(float(found))
