"""Questionnaires: scoring, orders of options, and what is no answer."""

from collections import Counter

import pytest

from roletune.engine.store import write_text
from roletune.errors import EvaluationError, ProjectError
from roletune.evaluation.questionnaire import (
    Item,
    Put,
    Questionnaire,
    arrange,
    questionnaire_report,
    read_answer,
    read_questionnaire,
    score_questionnaire,
)
from roletune.records import QuestionnaireAnswer

SCALE = Questionnaire(
    items=(
        Item(id="a", text="I like company.", dimension="warmth"),
        Item(id="b", text="I prefer to be left alone.", dimension="warmth", reverse=True),
        Item(id="c", text="I keep lists.", dimension="order"),
    )
)


def test_reverse_keyed_items_are_turned_round_and_what_is_no_answer_is_counted():
    found = score_questionnaire(SCALE, {"a": [5, 5, None], "b": [1, 1, 1], "c": [1, 5]})
    assert found["warmth"].score.value == 5
    assert found["warmth"].spread.value == 0
    assert (found["warmth"].answered, found["warmth"].unscored) == (5, 1)
    assert found["order"].score.value == 3
    assert found["order"].spread.value == pytest.approx(8**0.5)


def test_an_unanswered_dimension_has_no_score_rather_than_nought():
    found = score_questionnaire(SCALE, {"c": [None, None]})
    assert (found["order"].score, found["order"].unscored) == (None, 2)
    assert found["warmth"].score is None


def test_items_and_answers_that_do_not_belong_are_refused():
    with pytest.raises(EvaluationError, match="no item 'z'"):
        score_questionnaire(SCALE, {"z": [1]})
    with pytest.raises(EvaluationError, match="from 1 to 5"):
        score_questionnaire(SCALE, {"a": [6]})


def test_a_reply_ticks_the_option_that_stands_at_its_letter():
    put = Put(SCALE.items[0], 0, (3, 1, 5, 2, 4))
    assert read_answer("C", put, SCALE.scale) == 5
    assert read_answer("Strongly disagree, sir.", put, SCALE.scale) == 1  # not "disagree", which stands in it
    assert read_answer("Agree, or disagree", put, SCALE.scale) is None
    assert read_answer("", put, SCALE.scale) is None


def test_the_packaged_statements_are_balanced_and_stand_in_other_orders_each_time():
    read = read_questionnaire("en-GB")
    assert Counter(item.dimension for item in read.items) == dict.fromkeys({item.dimension for item in read.items}, 6)
    assert Counter(item.reverse for item in read.items) == {True: 15, False: 15}
    puts = arrange(read, 3)
    assert len({put.order for put in puts}) > 20
    assert puts == arrange(read, 3)


def test_who_always_takes_the_first_option_contradicts_itself():
    read = read_questionnaire("en")
    puts = arrange(read, 5)
    answers = [
        QuestionnaireAnswer(
            item=put.item.id,
            repetition=put.repetition,
            order=put.order,
            contestant=name,
            reply="A",
            value=read_answer("A", put, read.scale) if name == "adapter" else 5,
        )
        for put in puts
        for name in ("base_prompt", "adapter")
    ]
    report = questionnaire_report(read, answers, adapter="x", by="replies", resamples=200)
    assert all(found.spread.value > 0.8 for found in report.dimensions["adapter"].values())
    assert all(found.spread.value == 0 for found in report.dimensions["base_prompt"].values())
    # Who agrees with everything is in the middle: half of the items are keyed in reverse.
    assert all(found.score.value == 3 for found in report.dimensions["base_prompt"].values())
    assert all(change.n == 6 for change in report.differences.values())


def test_mistakes_in_an_own_questionnaire_are_told_with_the_cure(tmp_path):
    write_text(tmp_path / "q.yaml", "items: [{id: a, text: I fish., dimension: sea, reversed: true}]")
    with pytest.raises(ProjectError, match=r"q\.yaml needs correcting(.|\n)*items\.0\.reversed"):
        read_questionnaire("en", tmp_path / "q.yaml")
    with pytest.raises(ProjectError, match=r"Write one and name it in probes\.questionnaire"):
        read_questionnaire("tlh")
