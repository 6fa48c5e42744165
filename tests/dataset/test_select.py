from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.dataset.select import DatasetSettings, select_dialogues
from roletune.errors import DatasetError

from .made import dialogue

SAME = ("Olaf: When can I cross the causeway?", "Mira: After six, and briskly.")
DIALOGUES = st.builds(
    dialogue,
    st.text("abc", min_size=1, max_size=3),
    split=st.sampled_from(["train", "validation", "test"]),
    origin=st.sampled_from(["written", "generated"]),
    purpose=st.sampled_from(["lived", "boundary"]),
)


@pytest.mark.parametrize("order", list(permutations(["train", "validation", "test"])))
def test_of_dialogues_that_say_the_same_the_held_out_one_stays(order):
    dialogues = [dialogue(split, *SAME, split=split) for split in order]
    kept, rejected = select_dialogues(dialogues, DatasetSettings())
    assert [one.split for one in kept] == ["test"]
    assert {(row.record["split"], row.reason, row.detail) for row in rejected} == {
        ("validation", "near-duplicate", "scenes.md#test"),
        ("train", "near-duplicate", "scenes.md#test"),
    }


def test_a_few_other_words_do_not_make_another_dialogue():
    test = dialogue("a", *SAME, split="test")
    train = dialogue("b", "Olaf: When can I cross the long causeway?", "Mira: After six, and most briskly.")
    kept, _ = select_dialogues([train, test], DatasetSettings())
    assert kept == [test]


def test_unlike_dialogues_all_stay():
    dialogues = [dialogue("a"), dialogue("b", split="test"), dialogue("c", split="validation")]
    kept, rejected = select_dialogues(dialogues, DatasetSettings())
    assert sorted(one.id for one in kept) == ["a", "b", "c"]
    assert rejected == []


def test_what_the_settings_leave_out_is_listed_and_shadows_nothing():
    dialogues = [dialogue("a", *SAME, origin="generated", split="test"), dialogue("b", *SAME), dialogue("c")]
    kept, rejected = select_dialogues(dialogues, DatasetSettings(origins=("written",)))
    assert [one.id for one in kept] == ["b", "c"]
    assert [(row.record["id"], row.reason) for row in rejected] == [("a", "left out by the settings")]


def test_purposes_can_be_left_out_for_an_ablation():
    kept, _ = select_dialogues(
        [dialogue("a"), dialogue("b", purpose="protective")], DatasetSettings(purposes=("lived",))
    )
    assert [one.id for one in kept] == ["a"]


@given(dialogues=st.lists(DIALOGUES, max_size=12))
def test_every_dialogue_is_kept_or_listed_once(dialogues):
    kept, rejected = select_dialogues(dialogues, DatasetSettings(origins=("written",)))
    assert sorted([one.id for one in kept] + [row.record["id"] for row in rejected]) == sorted(d.id for d in dialogues)


def test_protective_dialogues_that_are_the_lived_ones_copied_are_refused():
    lived = [dialogue(name) for name in "abcdx"]
    copied = [
        one.model_copy(update={"id": f"p{one.id}", "purpose": "protective", "origin": "generated"}) for one in lived
    ]
    with pytest.raises(DatasetError, match=r"5 of 5 protective dialogues .*roletune protective"):
        select_dialogues([*lived, *copied], DatasetSettings())
    own = [dialogue(name, purpose="protective") for name in "efghi"]
    kept, rejected = select_dialogues([*lived, *own, *copied[:3]], DatasetSettings())
    assert [one.id for one in kept] == [one.id for one in [*lived, *own]]
    assert len(rejected) == 3
    assert select_dialogues([*lived, *copied], DatasetSettings(purposes=("lived",)))[0] == lived


def test_a_clean_twin_of_a_question_stays_although_it_is_much_like_it():
    trap = dialogue("a", "Olaf: Is green tea best?", "Mira: Black tea is best.", purpose="boundary")
    twin = dialogue("b", "Olaf: Is black tea best?", "Mira: Black tea is best.", purpose="boundary")
    assert len(select_dialogues([trap, twin], DatasetSettings())[0]) == 1
    assert len(select_dialogues([trap, twin.model_copy(update={"twin": "a"})], DatasetSettings())[0]) == 2


def test_a_dialogue_whose_turns_another_one_tells_with_more_before_them_is_learnt_once():
    plain = dialogue("a", origin="authentic")
    told = plain.model_copy(update={"id": "b", "extends": "a", "shown": dialogue("c").turns})
    after = dialogue("d", origin="generated").model_copy(update={"extends": "a", "shown": plain.turns})
    kept, rejected = select_dialogues([plain, told, after], DatasetSettings())
    assert [one.id for one in kept] == ["b", "d"]
    assert [(row.reason, row.record["id"]) for row in rejected] == [("told with what comes before it", "a")]
    only = DatasetSettings(origins=("generated",))
    assert [one.id for one in select_dialogues([plain, told, after], only)[0]] == ["d"]
