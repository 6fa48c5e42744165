import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.dataset.edits import apply_edits, find_edits
from roletune.errors import DatasetError
from roletune.records import Dialogue, Edit

from .made import dialogue

A, B, C = dialogue("a"), dialogue("b"), dialogue("c")


def changed(one, split="test"):
    return one.model_copy(update={"split": split})


def test_what_nobody_touched_is_no_edit():
    assert find_edits("dialogues", [A, B], [A, B]) == []


def test_a_changed_line_a_deleted_line_and_a_new_line_are_found():
    edits = find_edits("dialogues", [A, B], [changed(A), C])
    assert [(edit.id, edit.action) for edit in edits] == [("b", "reject"), ("a", "edit"), ("c", "edit")]
    assert edits[0].record is None
    assert Dialogue.model_validate(edits[1].record) == changed(A)
    assert all(edit.stage == "dialogues" for edit in edits)


def test_edits_are_applied_and_what_was_rejected_is_listed():
    edits = find_edits("dialogues", [A, B], [changed(A), C])
    kept, rejected = apply_edits("dialogues", [A, B], edits, Dialogue)
    assert kept == [changed(A), C]
    assert [(row.record["id"], row.reason) for row in rejected] == [("b", "rejected by hand")]


def test_an_edited_record_outlives_the_stage_that_does_not_make_it_any_more():
    kept, _ = apply_edits("dialogues", [B], find_edits("dialogues", [A], [changed(A)]), Dialogue)
    assert kept == [B, changed(A)]


def test_a_later_decision_replaces_an_earlier_one():
    edits = [
        Edit(stage="dialogues", id="a", action="reject"),
        Edit(stage="dialogues", id="a", action="accept"),
    ]
    assert apply_edits("dialogues", [A], edits, Dialogue) == ([A], [])
    assert apply_edits("dialogues", [A], edits[::-1], Dialogue)[0] == []


def test_edits_of_another_stage_change_nothing():
    edits = [Edit(stage="protective", id="a", action="reject")]
    assert apply_edits("dialogues", [A], edits, Dialogue) == ([A], [])


def test_two_records_with_one_id_are_refused_because_one_would_get_lost():
    with pytest.raises(DatasetError, match=r"dialogues\.jsonl holds several records with the id 'a'"):
        find_edits("dialogues", [A], [A, changed(A)])


@pytest.mark.parametrize("record", [None, {"id": "a"}])
def test_an_edit_without_a_usable_record_is_told_with_its_place(record):
    edits = [Edit(stage="dialogues", id="a", action="edit", record=record)]
    with pytest.raises(DatasetError, match=r"edit of 'a' of the stage dialogues in journal/edits\.jsonl"):
        apply_edits("dialogues", [A], edits, Dialogue)


@given(
    made=st.sets(st.sampled_from("abcdef")),
    found=st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["train", "test"])),
)
def test_applying_what_was_found_gives_what_was_found(made, found):
    before = [dialogue(name) for name in sorted(made)]
    after = [changed(dialogue(name), split) for name, split in found.items()]
    kept, rejected = apply_edits("dialogues", before, find_edits("dialogues", before, after), Dialogue)
    assert {one.id: one for one in kept} == {one.id: one for one in after}
    assert {row.record["id"] for row in rejected} == made - set(found)
