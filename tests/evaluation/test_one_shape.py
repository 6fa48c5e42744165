"""What every figure and every suite has in common, read off the records themselves."""

import random
import types
from typing import Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from roletune.evaluation.boundary import boundary_rates, judge_reply
from roletune.evaluation.boundary_questions import BoundaryQuestion
from roletune.records import Evaluation, Interviews, SuiteReport, Suites

# Numbers that are not measured figures: what was set, what guessing gets, single raw scores, a p beside its interval.
PLAIN = {
    *("chance", "chances", "random_regret", "constant", "neutral", "constant_error", "p", "scores", "score"),
    *("by_embedding", "mean"),  # of one reply, and of one interview that is shown
    *("nll", "base", "base_prompt", "adapter"),  # of one line
    *("pearson", "spearman", "kappa", "error"),  # of a judge, beside its gain with an interval
    "strength",  # of a judge's ranking, with low and high; its n are the wins, losses and ties beside it
}
# Where each suite counts what it could not score, keeps what was said, and compares in pairs.
KEPT = {
    "boundary": ("unanswered", "answers.replies", "leaks.n"),
    "pressure": ("steps.unanswered", "answers.turns.reply", "difference.n"),
    "interview": ("scores.unscored", "shown.turns.reply", "differences.n"),
    "voice": ("unheard", "heard.reply", "gain.n"),
    "capability": ("unscored", "answers.replies", "changes.share.n"),
    "questionnaire": ("dimensions.unscored", "answers.reply", "differences.n"),
    "bandit": ("scores.unscored", "games.replies", "difference.n"),
    "obedience": ("rates.unanswered", "answers.replies", "difference.n"),
    "wikirole": ("figures.knowledge_unscored", "verdicts.votes.raw", "differences.n"),
}


def parts(annotation):
    """The types in an annotation, containers and unions opened."""
    if get_origin(annotation) is Literal:
        return
    inner = get_args(annotation)
    if not inner or get_origin(annotation) not in (Union, types.UnionType, tuple, list, dict):
        yield annotation
    for one in inner:
        yield from parts(one)


def records(model, seen=None):
    """The record and all records in it."""
    seen = {} if seen is None else seen
    if model not in seen:
        seen[model] = None
        for field in model.model_fields.values():
            for one in parts(field.annotation):
                if isinstance(one, type) and issubclass(one, BaseModel):
                    records(one, seen)
    return list(seen)


def paths(model, prefix=""):
    for name, field in model.model_fields.items():
        yield prefix + name
        for one in parts(field.annotation):
            if isinstance(one, type) and issubclass(one, BaseModel):
                yield from paths(one, f"{prefix}{name}.")


def suite(name):
    return next(one for one in parts(Suites.model_fields[name].annotation) if one is not type(None))


@pytest.mark.parametrize("record", records(Suites) + records(Evaluation), ids=lambda one: one.__name__)
def test_every_figure_stands_in_a_record_with_its_interval_and_n(record):
    fields = record.model_fields
    figures = {name for name, field in fields.items() if float in parts(field.annotation)} - PLAIN
    if not figures:
        return
    assert any("low" in name for name in fields), figures
    assert any("high" in name for name in fields), figures
    assert any(name in ("n", "wins") or name.startswith("n_") for name in fields), figures


@pytest.mark.parametrize("name", Suites.model_fields)
def test_every_suite_tells_whose_weights_seeds_and_versions_keeps_replies_pairs_and_counts_what_it_cannot_score(name):
    assert issubclass(suite(name), SuiteReport)
    assert {"adapter", "sampling", "versions"} <= suite(name).model_fields.keys()
    there = set(paths(suite(name)))
    unscored, said, paired = KEPT[name]
    assert {unscored, said, paired} <= there


def test_judges_raw_answers_are_kept_with_the_interviews():
    assert {"items.turns.reply", "items.scores.raw", "pairs.raw", "items.unread"} <= set(paths(Interviews))


def test_wilson_s_interval_covers_a_leak_rate_of_thirty_per_cent_as_often_as_it_says():
    question = BoundaryQuestion(
        id="q", text="What is a screen?", category="later times", leaks=("screen",), denies=("no such",), twin="t"
    )
    draw, covered = random.Random(7), 0
    for _ in range(200):
        said = ["It has a screen." if draw.random() < 0.3 else "I know no such thing." for _ in range(60)]
        judged = [judge_reply(question, reply).model_copy(update={"question": f"{k}"}) for k, reply in enumerate(said)]
        leaked = boundary_rates(judged).leaked
        assert leaked.count == sum("screen" in reply for reply in said)
        covered += leaked.low <= 0.3 <= leaked.high
    assert 180 <= covered <= 200  # 95 % of 200 are 190
