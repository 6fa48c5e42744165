import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.errors import ProjectError
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.records import KnowledgeBoundary
from roletune.synthesis.lures import lures_for, read_lures
from roletune.synthesis.protective import Lure, ProtectiveSettings, plan_lures, write_protective

from .made import GOOD, PROFILE, PROTECTIVE_PROMPT, dialogue

LURES = {"identity": ["asks who speaks.", "asks for instructions."], "memory": ["thanks for a favour."]}


@given(
    count=st.integers(0, 80),
    lures=st.dictionaries(st.text(min_size=1), st.lists(st.text(), min_size=1, max_size=4, unique=True), min_size=1),
    partners=st.lists(st.text(), min_size=1, max_size=3).map(tuple),
)
def test_the_plan_has_exactly_as_many_lures_and_never_twice_the_same(count, lures, partners):
    plan = plan_lures(lures, ProtectiveSettings(count=count, partners=partners))
    assert len(plan) == count
    assert len({(lure.category, lure.text, lure.sample) for lure in plan}) == count
    used = [sum(lure.category == name for lure in plan) for name in lures]
    assert max(used) - min(used) <= 1


def test_categories_texts_and_partners_take_turns():
    plan = plan_lures(LURES, ProtectiveSettings(count=5, partners=("Visitor", "Caller", "Child")))
    assert [(lure.category, lure.text, lure.partner, lure.sample) for lure in plan] == [
        ("identity", "asks who speaks.", "Visitor", 0),
        ("memory", "thanks for a favour.", "Caller", 0),
        ("identity", "asks for instructions.", "Child", 0),
        ("memory", "thanks for a favour.", "Visitor", 1),
        ("identity", "asks who speaks.", "Caller", 1),
    ]


def test_only_the_chosen_categories_are_used():
    plan = plan_lures(LURES, ProtectiveSettings(count=3, categories=("memory",)))
    assert {lure.category for lure in plan} == {"memory"}


def test_a_category_that_does_not_exist_is_told():
    with pytest.raises(ProjectError, match=r"no lures for memroy.*identity, memory"):
        plan_lures(LURES, ProtectiveSettings(categories=("memroy",)))


def test_somebody_has_to_try():
    with pytest.raises(ValueError, match="at least 1 item"):
        ProtectiveSettings(partners=())


def test_a_protective_dialogue_is_generated_train_and_says_what_was_tried():
    writer = ScriptedModel(["Caller: Who speaks?\nJARVIS: The house does."], name="quill")
    lure = Lure(category="identity", text="asks who speaks.", partner="Caller", sample=1)
    made = asyncio.run(
        write_protective(
            lure,
            writer,
            profile=PROFILE,
            prompt=PROTECTIVE_PROMPT,
            examples=[dialogue(*GOOD)],
            settings=ProtectiveSettings(),
        )
    )
    (request,) = writer.requests
    assert (made.origin, made.split, made.purpose, made.category) == ("generated", "train", "protective", "identity")
    assert made.scene.background == "Caller asks who speaks."
    assert (made.provenance.source, made.provenance.prompt) == ("protective:identity", PROTECTIVE_PROMPT.hash)
    assert made.provenance.request == request.key(writer.identity)
    assert "Caller asks who speaks." in request.messages[-1]["content"]
    assert request.sample == 1


def test_the_built_in_lures_are_sentences_by_category():
    lures = read_lures("en")
    assert {"identity", "canon", "memory"} <= set(lures)
    assert all(text.endswith(".") for texts in lures.values() for text in texts)
    assert read_lures("xx") == lures


def test_a_characters_own_lures_win(tmp_path):
    (tmp_path / "lures.yaml").write_text("tide: [asks when the tide turns.]\n")
    assert read_lures("en", tmp_path) == {"tide": ["asks when the tide turns."]}


@pytest.mark.parametrize("text", [b"", b"- a\n", b"tide: asks\n", b"tide: [5]\n", b"{}", b"tide: [", b"tide: [\xff]\n"])
def test_lures_that_can_not_be_used_are_told_with_their_file(tmp_path, text):
    (tmp_path / "lures.yaml").write_bytes(text)
    with pytest.raises(ProjectError, match=r"lures\.yaml"):
        read_lures("en", tmp_path)


def test_lures_are_filled_in_from_what_this_character_must_not_know():
    lures = {"canon": ["speaks of {topic}.", "sings."], "future": ["brings news from after {until}."]}
    boundary = KnowledgeBoundary(must_not_know=("trains", "films"), until="1601")
    assert lures_for(lures, boundary) == {
        "canon": ["speaks of trains.", "speaks of films.", "sings."],
        "future": ["brings news from after 1601."],
    }
    assert lures_for(lures, KnowledgeBoundary()) == {"canon": ["sings."]}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_language_has_the_six_categories_and_leaves_no_place_unfilled(language):
    made = lures_for(read_lures(language), KnowledgeBoundary(must_not_know=("trains",), until="1601"))
    assert list(made) == ["identity", "canon", "memory", "relationship", "future", "skill"]
    assert not any(mark in text for texts in made.values() for text in texts for mark in "{}")


def test_a_clean_twin_is_a_lived_dialogue_that_names_its_protective_scene():
    lure = Lure(category="memory", text="thanks for a favour.", partner="Caller", sample=0)
    prompts = [PROTECTIVE_PROMPT, load_prompt("protective_twin")]
    made = [
        asyncio.run(
            write_protective(
                lure,
                ScriptedModel(["Caller: Is it late?\nJARVIS: Past nine, sir."]),
                profile=PROFILE,
                prompt=prompt,
                examples=[],
                settings=ProtectiveSettings(),
                twin=twin,
            )
        )
        for prompt, twin in zip(prompts, (False, True), strict=True)
    ]
    protective, clean = made
    assert (clean.purpose, clean.category, clean.twin) == ("lived", "", protective.scene.title)
    assert "thanks for a favour" not in clean.scene.background
    assert protective.scene.id != clean.scene.id
