"""Which line is the character's: drawn fairly, counted strictly."""

import pytest
from tests.evaluation.invented import EXAMPLE

from roletune.errors import EvaluationError
from roletune.evaluation.identification import choices, identification_report, identified
from roletune.records import IdentificationItem, Message

OTHER = EXAMPLE.model_copy(
    update={
        "id": "e2",
        "messages": (
            Message(role="system", content="You are JARVIS. The roof."),
            Message(role="user", content="Who left the telescope out in the rain?"),
            Message(role="assistant", content="You did, sir, on Tuesday.", loss=True),
            Message(role="user", content="I was in Malibu on Tuesday."),
            Message(role="assistant", content="You were in Malibu on Wednesday.", loss=True),
            Message(role="user", content="Was I now?"),
        ),
    }
)


def item(**scores):
    return IdentificationItem(example="e", line=0, tokens=(10, 5), scores=scores)


def test_candidates_are_the_real_line_and_others_of_the_same_scene_first():
    found = choices([EXAMPLE, OTHER], others=2)
    assert [choice.candidates[0] for choice in found] == [
        "You did, sir, on Tuesday.",
        "You were in Malibu on Wednesday.",
    ]
    assert set(found[0].candidates[1:]) == {"I was in Malibu on Tuesday.", "Was I now?"}
    assert "Was I now?" in found[1].candidates
    assert found[1].context == tuple(m.model_copy(update={"loss": False}) for m in OTHER.messages[:4])
    assert [choice.line for choice in found] == [0, 1]


def test_nothing_is_a_candidate_that_was_said_already():
    again = OTHER.model_copy(update={"id": "e3"})  # the same lines in another scene
    for choice in choices([EXAMPLE, OTHER, again], others=2):
        said = {message.content for message in choice.context}
        assert not said.intersection(choice.candidates)
        assert len(set(choice.candidates)) == 3


def test_the_draw_is_seeded_and_other_scenes_fill_up():
    assert choices([EXAMPLE, OTHER], others=3) == choices([EXAMPLE, OTHER], others=3)
    assert all(len(set(choice.candidates)) == 4 for choice in choices([EXAMPLE, OTHER], others=3))
    assert choices([EXAMPLE, OTHER], others=9) == []
    assert len(choices([EXAMPLE, OTHER], most=1)) == 1


def test_a_tie_is_not_identified():
    assert identified([2, 1, 1])
    assert not identified([2, 2, 1])


def test_rates_are_by_token_and_by_line_with_the_chance_of_guessing():
    right, short = (-5.0, -6.0), (-8.0, -5.0)  # the second is right per token only: -0.8 against -1.0
    report = identification_report(
        [
            item(base=short, base_prompt=short, adapter=right),
            item(base=(-9.0, -1.0), base_prompt=(-9.0, -1.0), adapter=right),
        ]
    )
    assert report.chance == 0.5
    assert (report.per_token["base_prompt"].count, report.per_line["base_prompt"].count) == (1, 0)
    assert (report.per_token["adapter"].count, report.per_token["adapter"].n) == (2, 2)
    assert report.gain.difference == 0.5
    with pytest.raises(EvaluationError, match="widen the test share"):
        identification_report([])
