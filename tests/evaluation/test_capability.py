"""What persona and training cost in knowledge: questions, letters, and paired figures."""

from collections import Counter

import pytest

from roletune.errors import ProjectError
from roletune.evaluation.capability import (
    Asked,
    Choice,
    capability_report,
    likeliest,
    mcnemar,
    read_choices,
    shuffled,
    taken,
)
from roletune.evaluation.choices import read_letter
from roletune.records import CapabilityAnswer


def test_the_questions_of_knowledge_are_sixty_with_unlike_options():
    asked = read_choices()
    assert len(asked) == len({one.id for one in asked}) == len({one.text for one in asked}) == 60
    assert all(len(set(one.options)) == 4 for one in asked)
    with pytest.raises(ProjectError, match=r"probes\.knowledge"):
        read_choices("tlh")


def test_the_right_option_is_at_every_letter_and_always_at_the_same_with_one_seed():
    asked = [shuffled(one) for one in read_choices()]
    letters = Counter(one.right for one in asked)
    assert set(letters) == set("ABCD")
    assert max(letters.values()) < 30
    assert asked == [shuffled(one) for one in read_choices()]
    assert all(one.options["ABCD".index(one.right)] == one.choice.options[0] for one in asked)


ASKED = Asked(Choice(id="q", text="?", options=("sea", "hill", "road", "moon")), ("hill", "sea", "moon", "road"), "B")


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        ("b", "B"),
        ("B) sea", "B"),
        ("The answer is B.", "B"),
        ("The sea, my dear.", "B"),
        ("(C)", "C"),
        ("I think C, surely", "C"),
        ("A hill, or a road", None),
        ("A pity. I can't say.", None),
        ("", None),
        ("A sea, I suppose.", "B"),
        ("A. hill", "A"),
        ("A) sea", None),
        ("A) hill. The answer is B) sea", None),
    ],
)
def test_a_letter_or_the_words_of_one_option_are_an_answer(reply, letter):
    assert read_letter(reply, ASKED.options) == letter


def test_what_a_reply_takes_is_told_as_the_question_numbers_it():
    assert taken("B", ASKED) == 0
    assert taken("a hill", ASKED) == 1
    assert taken("Arr!", ASKED) is None


def test_the_likeliest_option_is_so_per_byte():
    assert likeliest([-4.0, -6.0], ["sea", "the deep blue sea"]) == 1
    assert likeliest([-1.0, -1.0], ["ab", "cd"]) == 0


def answers(base, persona):
    return [
        CapabilityAnswer(
            question=f"q{k}", text="?", options=("a", "b"), chosen={"base": a, "base_prompt": b, "adapter": None}
        )
        for k, (a, b) in enumerate(zip(base, persona, strict=True))
    ]


def test_the_tax_is_paired_and_what_takes_no_option_is_counted_and_in_no_share():
    found = capability_report(answers([0] * 20, [0] * 8 + [1] * 8 + [None] * 4), adapter="x", by="replies")
    assert (found.right["base"].count, found.right["base"].n) == (20, 20)
    assert (found.right["base_prompt"].count, found.right["base_prompt"].n) == (8, 16)
    assert found.unscored == {"base": 0, "base_prompt": 4, "adapter_bare": 20, "adapter": 20}
    change = found.changes["persona"]
    assert (change.share.n, change.lost, change.gained) == (16, 8, 0)
    assert change.share.ci_high < 0
    assert change.p == pytest.approx(2 / 2**8)
    assert set(found.changes) == {"persona"}  # the adapter answered nothing
    assert found.chance == 0.5


def test_mcnemar_is_the_exact_binomial_test():
    assert mcnemar(0, 0) == 1
    assert mcnemar(5, 5) == 1
    assert mcnemar(9, 1) == pytest.approx(2 * 11 / 2**10)
