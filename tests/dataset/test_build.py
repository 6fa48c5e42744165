import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.dataset.build import Built, build_examples, check_rendered, supervised_share
from roletune.dataset.preview import mask_preview
from roletune.errors import DatasetError
from roletune.records import Message, Rejection, Turn
from roletune.rendering.template import Rendered

from .made import PERSONA, dialogue, renderer

MONOLOGUE = dialogue("silent", "Olaf: Anybody?", "Olaf: Hello?")
GIANT = dialogue("giant", "Olaf: Tell me everything.", f"Mira: {'all of it ' * 80}")
LONG = dialogue("long", *[line for k in range(12) for line in (f"Olaf: Ask {k}?", f"Mira: Tell {k}.")])


def build(dialogues, max_tokens=400):
    return build_examples(dialogues, PERSONA, renderer(), max_tokens=max_tokens)


def test_a_dialogue_becomes_an_example_of_its_split_with_its_lineage():
    one = dialogue("a", split="test", origin="authentic", purpose="protective")
    (example,) = build([one]).examples
    assert (example.dialogue, example.split, example.origin, example.purpose) == (
        "a",
        "test",
        "authentic",
        "protective",
    )
    assert example.provenance == one.provenance
    assert [(message.role, message.loss) for message in example.messages] == [
        ("system", False),
        ("user", False),
        ("assistant", True),
    ]


def test_a_long_dialogue_becomes_windows_and_every_line_is_learnt_once():
    examples = build([LONG]).examples
    assert len(examples) > 1
    learnt = [message.content for example in examples for message in example.messages if message.loss]
    assert learnt == [f"Tell {k}." for k in range(12)]
    assert {example.dialogue for example in examples} == {"long"}
    assert all(renderer().count(example.messages) <= 400 for example in examples)


def test_what_can_not_be_rendered_is_listed_with_its_reason():
    built = build([MONOLOGUE, GIANT, dialogue("a")])
    assert [example.dialogue for example in built.examples] == ["a"]
    silent, giant = built.rejections
    assert (silent.record["id"], silent.reason, silent.detail) == (
        "silent",
        "not rendered",
        "Mira does not speak in it",
    )
    assert giant.record["id"] == "giant"
    assert "does not fit 400 tokens" in giant.detail


@settings(deadline=None, max_examples=20)
@given(st.lists(st.sampled_from([MONOLOGUE, GIANT, LONG, dialogue("a"), dialogue("b")]), max_size=5, unique_by=id))
def test_every_dialogue_gives_examples_or_a_rejection(dialogues):
    built = build(dialogues)
    lived = {example.dialogue for example in built.examples}
    listed = {row.record["id"] for row in built.rejections}
    assert lived | listed == {one.id for one in dialogues}
    assert not lived & listed


def test_the_supervised_share_is_that_of_the_tokens():
    assert supervised_share([Rendered([1, 2, 3], [False, True, False], []), Rendered([4], [False], [])]) == 0.25


@pytest.mark.parametrize(
    ("rendered", "told"),
    [
        ([], "No token carries loss"),
        ([Rendered([1, 2], [False, False], [])], "No token carries loss.*aliases"),
        ([Rendered([1, 2], [True, True], [])], "Every token carries loss"),
    ],
    ids=["nothing", "none", "all"],
)
def test_no_loss_and_nothing_but_loss_are_refused(rendered, told):
    with pytest.raises(DatasetError, match=told):
        supervised_share(rendered)


def test_a_template_that_refuses_every_dialogue_is_told_with_its_reason():
    refused = [Rejection(stage="dataset", reason="not rendered", detail="no system here", record={"split": "train"})]
    with pytest.raises(DatasetError, match="1 of 1: no system here"):
        check_rendered(Built([], refused))
    check_rendered(Built([], []))


def test_the_preview_is_the_text_that_the_model_sees_and_marks_what_it_learns():
    messages = [Message(role="user", content="Up?"), Message(role="assistant", content="Always.", loss=True)]
    pieces = mask_preview(renderer().render(messages), renderer())
    assert (
        "".join(piece.text for piece in pieces)
        == "<|im_start|>user\nUp?<|im_end|>\n<|im_start|>assistant\nAlways.<|im_end|>\n"
    )
    assert [piece.text for piece in pieces if piece.learnt] == ["Always.<|im_end|>"]


def test_of_exchanges_that_are_only_shown_the_first_go_until_the_row_fits():
    one = dialogue("a")
    shown = tuple(
        Turn(speaker=speaker, text=f"{speaker} says {k} " + "x" * 60) for k in range(4) for speaker in ("Olaf", "Mira")
    )
    (example,) = build([one.model_copy(update={"shown": shown})]).examples
    kept = [message.content for message in example.messages if "says" in message.content]
    assert 0 < len(kept) < 8
    assert kept == [turn.text for turn in shown[-len(kept) :]]
    assert renderer().count(example.messages) <= 400
