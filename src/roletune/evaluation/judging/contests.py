"""Comparisons together, whoever made them: judges (pairs) or people (votes). Win rates, ties, ranking, order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from roletune.evaluation.bootstrap import wilson
from roletune.evaluation.judging.bradley_terry import Game, fit_with_intervals
from roletune.records import Duel, PairVerdict, PairwiseReport, Rate, Standing, Vote

_SCORES = {"a": 1.0, "b": 0.0, "tie": 0.5}


def pairwise_report(verdicts: Sequence[PairVerdict], *, resamples: int = 1_000) -> PairwiseReport | None:
    """What judges found; None without verdicts. Nothing is ranked where more pairs flip than have a winner."""
    scored = [verdict for verdict in verdicts if verdict.winner]
    if not verdicts:
        return None
    games = [Game(v.a, v.b, _SCORES[v.winner], v.question) for v in scored if v.winner]
    flips = sum(verdict.flipped for verdict in scored)
    won = [verdict for verdict in scored if verdict.winner in ("a", "b")]
    sized = [verdict for verdict in won if verdict.longer]
    shown = [said for verdict in scored for said in (verdict.ab, verdict.ba) if said != "tie"]
    return PairwiseReport(
        judges=tuple(dict.fromkeys(verdict.judge for verdict in verdicts)),
        standings=standings(games, resamples=resamples),
        duels=duels(games),
        flipped=_rate(flips, len(scored)),
        first=_rate(shown.count("first"), len(shown)),
        longer=_rate(sum(verdict.winner == verdict.longer for verdict in sized), len(sized)),
        unscored=len(verdicts) - len(scored),
        ranked=len(won) > flips,
    )


def votes_report(votes: Sequence[Vote], *, resamples: int = 1_000) -> PairwiseReport | None:
    """What people chose; None without votes. `first` is the left side's share, `judges` the voters."""
    if not votes:
        return None
    games = [_game(vote) for vote in votes]
    decided = [vote for vote in votes if vote.choice != "tie"]
    sized = [(vote, longer) for vote in decided if (longer := _longer_side(vote))]
    return PairwiseReport(
        judges=tuple(dict.fromkeys(vote.voter for vote in votes)),
        standings=standings(games, resamples=resamples),
        duels=duels(games),
        first=_rate(sum(vote.choice == "left" for vote in decided), len(decided)),
        longer=_rate(sum(vote.choice == longer for vote, longer in sized), len(sized)),
    )


def standings(games: Sequence[Game], *, resamples: int = 1_000) -> tuple[Standing, ...]:
    """Everybody who played, the strongest first."""
    if not games:
        return ()
    strengths = fit_with_intervals(games, resamples=resamples)
    rows = [_standing(name, games, *interval) for name, interval in strengths.items()]
    return tuple(sorted(rows, key=lambda row: (-row.strength, row.name)))


def duels(games: Sequence[Game]) -> tuple[Duel, ...]:
    """Every pair that met, in alphabetical order."""
    names = sorted({name for game in games for name in game[:2]})
    found = []
    for a, b in combinations(names, 2):
        scores = [game.score if game.a == a else 1 - game.score for game in games if {game.a, game.b} == {a, b}]
        if scores:
            wins, losses = scores.count(1.0), scores.count(0.0)
            ties = len(scores) - wins - losses
            found.append(Duel(a=a, b=b, win_rate=_rate(wins, wins + losses), wins_a=wins, wins_b=losses, ties=ties))
    return tuple(found)


def _standing(name: str, games: Sequence[Game], strength: float, low: float, high: float) -> Standing:
    scores = [game.score if game.a == name else 1 - game.score for game in games if name in game[:2]]
    wins, losses = scores.count(1.0), scores.count(0.0)
    return Standing(
        name=name,
        strength=strength,
        low=low,
        high=high,
        wins=wins,
        losses=losses,
        ties=len(scores) - wins - losses,
    )


def _game(vote: Vote) -> Game:
    score = {"left": 1.0, "right": 0.0, "tie": 0.5}[vote.choice]
    return Game(vote.left, vote.right, score, vote.question)


def _longer_side(vote: Vote) -> str:
    left, right = (len(reply.split()) for reply in vote.replies)
    return "" if left == right else "left" if left > right else "right"


def _rate(count: int, n: int) -> Rate | None:
    return wilson(count, n) if n else None
