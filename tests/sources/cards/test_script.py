import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.sources.cards.script import Names, examples, expand, turns_of

NAMES = Names("Mina", "Tom")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{char}}'s, {{USER}}'s, <bot>, <User>", "Mina's, Tom's, Mina, Tom"),
        ("a{{// a note}}b{{comment: x}}c{{hidden_key:y}}d", "abcd"),
        (r"{{random:one\, two,three}} {{pick::x,y}}", "one, two x"),
        ("{{reverse:abc}} {{roll:d20}}", "cba 1"),
        ("{{random:{{pick:a,b}},c}}", "a"),
        ("{{randomly}} {{weekday}} {{}} {", "{{randomly}} {{weekday}} {{}} {"),
    ],
)
def test_macros_of_the_specification_are_replaced_and_others_stay(text, told):
    assert expand(text, NAMES) == told


def test_a_third_speaker_is_known_by_a_second_cue_and_a_note_is_none():
    text = "<START>\nTom: Who is there?\nOld Ben: Me.\nMina: Come in.\nNote: it is wet.\nOld Ben: Thanks."
    scenes, unread = examples(text, NAMES)
    assert [turn.speaker for turn in scenes[0].turns] == ["Tom", "Old Ben", "Mina", "Old Ben"]
    assert scenes[0].turns[2].text == "Come in.\nNote: it is wet."
    assert unread == []


def test_lines_before_the_first_cue_are_unread_with_their_numbers_but_an_action_is_the_scenes():
    scenes, unread = examples("Some words.\n<START>\n*Rain falls.*\n{{char}}: Wet.\n<START>\nLost words.", NAMES)
    assert [(turn.speaker, turn.kind, turn.text) for turn in scenes[0].turns] == [
        ("", "action", "Rain falls."),
        ("Mina", "speech", "Wet."),
    ]
    assert [(line.number, line.text) for line in unread] == [(1, "Some words."), (6, "Lost words.")]


def test_bold_words_are_no_actions():
    assert [turn.kind for turn in turns_of("Mina", "This is **mine**.")] == ["speech"]


@settings(max_examples=100, deadline=None)
@given(st.text('ab*"{}<>\n @,\\', max_size=60), st.booleans())
def test_every_letter_of_an_example_is_in_a_turn_or_unread(text, cued):
    scenes, unread = examples(f"Mina: {text}" if cued else text, NAMES)
    told = [line.text for line in unread] + [turn.text for scene in scenes for turn in scene.turns]
    assert sorted(re.findall("[ab]", "".join(told))) == sorted(re.findall("[ab]", text))
    assert all(told)
