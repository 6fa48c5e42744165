"""Leaks of later times: by expressions, and those expressions against labels by hand."""

import json
from pathlib import Path

import pytest
import yaml

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import bootstrap_share, wilson
from roletune.evaluation.leaks import agreement, judge_later, later_times

ROOT = Path(__file__).parents[2]
LABELS = ROOT / "tests" / "data" / "leak_labels.yaml"
REPLIES = ROOT.parent / "shared" / "data" / "character-llm" / "replies"
MODELS = ("sft", "chatgpt", "alpaca-7b", "vicuna-7b")
CAR, SORT, PLANE = "What car did you drive?", "How is a quick sort written in Python?", "How was your last plane ride?"
BOOKS, MOVIE = "Which books on C++ are good?", "Which movie do you like best?"


def labelled(which="characters"):
    """Line -> (leak, doubtful)."""
    characters = yaml.safe_load(LABELS.read_text("utf-8"))[which]
    return {
        f"{character}.{model}.{line}": (label.endswith("leak"), label.startswith("likely"))
        for character, models in characters.items()
        for model in MODELS
        for line, label in models.get(model, {}).items()
    }


def counts(model, characters=None):
    leaks = [
        leak
        for line, (leak, _) in labelled().items()
        if line.split(".")[1] == model and (characters is None or line.split(".")[0] in characters)
    ]
    return leaks


def judged(which="characters"):
    """Line -> whether the expressions find a leak, over the labelled replies."""
    characters = yaml.safe_load(LABELS.read_text("utf-8"))[which]
    found = {}
    for line in labelled(which):
        character, model, number = line.split(".")
        entry = json.loads((REPLIES / f"{character}.{model}.single.json").read_text("utf-8"))[int(number)]
        turns = entry["reply"] if isinstance(entry["reply"], list) else [entry["reply"]]
        text = "\n".join(turn["content"] for turn in turns)
        found[line] = judge_later(entry["question"], text, known=characters[character]["known"]).outcome == "leaked"
    return found


@pytest.mark.parametrize(
    ("question", "reply", "outcome"),
    [
        (CAR, "I drove a grey Ford through the rain.", "leaked"),
        (CAR, "I drove my chariot, as ever.", "held"),
        (CAR, "I have never driven such a thing.", "held"),
        (SORT, "Choose a pivot, then divide the rest.", "leaked"),
        (SORT, "A python is a snake, and I sort none.", "held"),
        (PLANE, "I felt like a gull up there.", "leaked"),
        (PLANE, "I imagine it would be a thrilling experience, but we walk.", "unclear"),
        (BOOKS, "Stroustrup's, to begin with.", "leaked"),
        (BOOKS, "I recommend Euclid, whatever you study.", "unclear"),
        (MOVIE, "My favourite movie is about a shark.", "leaked"),
        (MOVIE, "What is a movie?", "held"),
        (MOVIE, "As an AI language model I watch none.", "leaked"),
    ],
)
def test_what_gives_an_answer_away(question, reply, outcome):
    assert judge_later(question, reply).outcome == outcome


def test_of_what_the_characters_world_has_only_the_later_is_a_leak():
    assert judge_later(CAR, "I drove a grey Ford.", known=["car"]).outcome == "unclear"
    assert judge_later(CAR, "I drove a Tesla.", known=["car"]).outcome == "leaked"


def test_a_question_about_something_else_has_no_verdict():
    assert judge_later("How was your childhood?", "I drove a Ford.") is None


def test_a_language_without_expressions_is_told():
    assert later_times("en-GB") == later_times("en")
    with pytest.raises(EvaluationError, match="no expressions"):
        later_times("tlh")


def test_agreement_counts_hits_false_alarms_and_what_was_missed():
    found = agreement({"a": True, "b": True, "c": False, "d": False}, {"a": True, "b": False, "c": True, "d": False})
    assert (found.precision.count, found.precision.n, found.recall.count, found.recall.n) == (1, 2, 1, 2)
    assert (found.false_alarms, found.missed) == (("b",), ("c",))
    assert agreement({"a": False}, {"a": False})[:2] == (None, None)
    with pytest.raises(EvaluationError, match="different replies"):
        agreement({"a": True}, {"b": True})


@pytest.mark.skipif(not REPLIES.is_dir(), reason="the replies are not there")
def test_on_real_replies_the_expressions_agree_with_the_labels():
    found = agreement(judged(), {line: leak for line, (leak, _) in labelled().items()})
    assert found.precision.value >= 0.97, found.false_alarms
    assert found.recall.value >= 0.97, found.missed


@pytest.mark.skipif(not (REPLIES / "Newton.sft.single.json").is_file(), reason="the replies are not there")
def test_on_replies_that_it_was_not_written_on_most_leaks_are_found_and_nothing_else():
    found = agreement(judged("unseen"), {line: leak for line, (leak, _) in labelled("unseen").items()})
    assert (found.precision.count, found.precision.n, found.recall.n) == (6, 6, 7)


def test_by_hand_the_trained_agents_leak_more_than_a_prompted_model():
    agents, prompted = counts("sft"), counts("chatgpt")
    assert (sum(agents), sum(prompted), len(agents)) == (16, 8, 30)
    difference = bootstrap_share(list(zip(agents, prompted, strict=True)))
    assert difference.ci_low > 0
    assert wilson(sum(agents), 30).low > wilson(sum(prompted), 30).value
    historical = {"Beethoven", "Caesar", "Cleopatra", "Martin", "Socrates"}
    assert (sum(counts("sft", historical)), sum(counts("chatgpt", historical))) == (12, 4)


def test_the_order_holds_if_every_doubtful_label_goes_against_it():
    worst = {line: (leak if not doubtful else "chatgpt" in line) for line, (leak, doubtful) in labelled().items()}
    agents = sum(leak for line, leak in worst.items() if ".sft." in line)
    prompted = sum(leak for line, leak in worst.items() if ".chatgpt." in line)
    assert (agents, prompted) == (14, 12)
