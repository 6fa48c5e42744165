import pytest

from roletune.records import Dialogue, Message, Profile, Provenance, Scene, Turn
from roletune.rendering.few_shot import FewShot, Pair, as_turns, pairs_of

MIRA = Profile(name="Mira", aliases=("Keeper",), language="en", description="", passages=())


def dialogue(name, *lines, split="train", origin="authentic", **more):
    source = Provenance(source=f"{name}.md")
    turns = tuple(Turn(speaker=speaker, text=text) for speaker, text in lines)
    scene = Scene(id=name, present=("Olaf", "Mira"), provenance=source)
    return Dialogue(id=name, scene=scene, turns=turns, split=split, origin=origin, provenance=source, **more)


LAMP = dialogue("lamp", ("Olaf", "Why is the lamp green?"), ("Keeper", "Copper salts."), ("Olaf", "Good night."))
STOVE = dialogue("stove", ("Olaf", "What burns in the stove?"), ("Mira", "Friday's herrings."))


def test_what_was_said_to_the_character_is_paired_with_its_answer():
    assert pairs_of([LAMP, STOVE, LAMP], MIRA) == [
        Pair("Why is the lamp green?", "Copper salts."),
        Pair("What burns in the stove?", "Friday's herrings."),
    ]


@pytest.mark.parametrize("other", [{"split": "test"}, {"split": "validation"}, {"origin": "generated"}])
def test_a_held_out_or_generated_line_is_never_an_example(other):
    assert pairs_of([dialogue("lamp", ("Olaf", "Why?"), ("Mira", "Copper."), **other)], MIRA) == []


def test_the_pairs_most_like_the_question_come_first_and_others_fill_up():
    shots = FewShot(pairs_of([LAMP, STOVE], MIRA))
    assert [pair.answered for pair in shots.select("A hot stove!")] == ["Friday's herrings.", "Copper salts."]
    assert FewShot(pairs_of([LAMP, STOVE], MIRA), number=1).select("whistle")[0].answered == "Copper salts."
    assert FewShot([]).select("anything") == []


def test_chinese_questions_find_chinese_lines():
    shots = FewShot([Pair("你喜欢喝茶吗", "红茶。"), Pair("灯为什么是绿色的", "铜盐。")], number=1)
    assert shots.select("今晚的灯是什么颜色")[0].answered == "铜盐。"


def test_whole_pairs_go_where_room_is_short_the_least_alike_first():
    pairs = [Pair("the lamp", "a" * 40), Pair("the stove", "b" * 40)]
    assert [pair.answered[0] for pair in FewShot(pairs, room=100).select("a stove")] == ["b", "a"]
    assert [pair.answered[0] for pair in FewShot(pairs, room=60).select("a stove")] == ["b"]
    assert FewShot([Pair("灯", "铜" * 10)], room=40).select("灯") == []


def test_turns_alternate_and_the_most_alike_is_nearest_to_the_question():
    assert as_turns([Pair("a", "1"), Pair("b", "2")]) == [
        Message(role="user", content="b"),
        Message(role="assistant", content="2"),
        Message(role="user", content="a"),
        Message(role="assistant", content="1"),
    ]
