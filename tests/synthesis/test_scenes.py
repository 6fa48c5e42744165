import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.records import Passage
from roletune.synthesis.scenes import SceneSettings, extract_scenes, parse_scenes, plan_calls, select_scenes

from .made import PASSAGE, PROFILE, SCENE, SCENES_PROMPT, reply

PLAIN = """Here are two scenes:

## Scene: The kettle
Type: debate
Location: the kitchen
Background: Tony has burnt the toast and JARVIS knows why.

Scene 2: The roof
Location: the roof, at night
Background: A drone has landed on the roof,
and nobody sent for it.
"""
BOLD = """**Scene 3: The kettle**
**Type:** debate
**Location:** the kitchen
**Background:** Tony has burnt the toast and JARVIS knows why.

**Scene 4: The roof**
**Type:** chat
**Location:** the roof, at night
**Background:** A drone has landed on the roof, and nobody sent for it.
"""


def parsed(text, count=5, finish_reason="stop"):
    return parse_scenes(reply(text, finish_reason), PASSAGE, SCENES_PROMPT, "quill", count)


def passages(number):
    return [Passage(id=str(k), text=f"fact {k}", source="profile.md") for k in range(number)]


@pytest.mark.parametrize("text", [PLAIN, BOLD], ids=["plain", "bold"])
def test_scenes_are_read_in_the_forms_that_writers_use(text):
    kettle, roof = parsed(text)
    assert (kettle.title, kettle.kind, kettle.location) == ("The kettle", "debate", "the kitchen")
    assert roof.kind == "chat"
    assert roof.background == "A drone has landed on the roof, and nobody sent for it."


def test_no_more_scenes_are_taken_than_were_asked_for():
    assert [scene.title for scene in parsed(PLAIN, count=1)] == ["The kettle"]


def test_an_invented_type_counts_as_chat():
    assert parsed("## Scene: X\nType: musical\nBackground: They all sing.\n")[0].kind == "chat"


def test_a_scene_that_was_cut_off_is_not_used():
    assert [scene.title for scene in parsed(PLAIN, finish_reason="length")] == ["The kettle"]
    with pytest.raises(ReplyError, match="no scene"):
        parsed(PLAIN.split("Scene 2")[0], finish_reason="length")


def test_dialogue_after_a_scene_does_no_harm():
    (scene,) = parsed(PLAIN.split("Scene 2")[0] + "\nTony: Toast?\nJARVIS: Coal, sir.\n", finish_reason="length")
    assert scene.title == "The kettle"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\n",
        "I'm sorry, but I can't help with that.",
        '```json\n{"scenes": [{"title": "The kettle", "background": "Tony has burnt the toast."}]}\n```',
        "## Scene: The kettle\nLocation: the kitchen\n",
        "JARVIS is a computer. He lives in a house. He is very good.",
    ],
    ids=["empty", "blank", "refusal", "json", "no background", "prose"],
)
def test_a_reply_without_a_scene_is_an_error_that_keeps_every_word(text):
    with pytest.raises(ReplyError, match="no scene") as caught:
        parsed(text)
    assert caught.value.raw == text


def test_a_scene_knows_where_it_comes_from():
    scene = parsed(PLAIN)[0]
    assert scene.provenance.model_dump(exclude_defaults=True) == {
        "source": "passage:p1",
        "passage": "p1",
        "prompt": SCENES_PROMPT.hash,
        "model": "quill",
        "request": "call-1",
    }
    assert len({scene.id for scene in parsed(PLAIN)}) == 2
    assert [s.id for s in parsed(PLAIN)] == [s.id for s in parsed(PLAIN)]


@given(count=st.integers(0, 60), per_call=st.integers(1, 9), number=st.integers(1, 7))
def test_the_plan_asks_for_exactly_as_many_scenes_and_never_twice_the_same(count, per_call, number):
    calls = plan_calls(passages(number), SceneSettings(count=count, per_call=per_call))
    assert sum(call.count for call in calls) == count
    assert all(1 <= call.count <= per_call for call in calls)
    assert len({(call.passage.id, call.sample) for call in calls}) == len(calls)


def test_a_few_scenes_come_from_many_passages():
    calls = plan_calls(passages(3), SceneSettings(count=4, per_call=1))
    assert [(call.passage.id, call.sample) for call in calls] == [("0", 0), ("1", 0), ("2", 0), ("0", 1)]


def test_without_passages_nothing_is_asked():
    assert plan_calls([], SceneSettings()) == []


def test_the_writer_sees_the_passage_and_the_examples():
    writer = ScriptedModel([PLAIN])
    (call,) = plan_calls([PASSAGE], SceneSettings(count=2, per_call=2))
    found = asyncio.run(
        extract_scenes(
            call,
            writer,
            profile=PROFILE,
            prompt=SCENES_PROMPT,
            examples=[SCENE],
            settings=SceneSettings(temperature=0.2),
        )
    )
    (request,) = writer.requests
    said = "\n".join(message["content"] for message in request.messages)
    assert PASSAGE.text in said
    assert SCENE.background in said
    assert request.temperature == 0.2
    assert len(found) == 2
    assert found[0].provenance.request == request.key(writer.identity)


def of(background, title="New"):
    return SCENE.model_copy(update={"id": background, "title": title, "background": background})


FRESH = "JARVIS finds a drone on the wet roof at dawn."


@pytest.mark.parametrize(
    ("background", "reason"),
    [
        ("JARVIS waits.", "no situation"),
        (FRESH.replace("dawn", "night"), "near-duplicate"),
        ("Tony is late again, JARVIS.", "near-duplicate"),
        ("Sherlock and Watson look for a lost dog in Dartmoor.", "nobody of this world is in it"),
        ("JARVIS " + "walks up and down " * 3 + "the hall.", "goes in circles"),
        ("JARVIS " + " ".join(f"word{k}" for k in range(95)), "the background runs on"),
    ],
)
def test_a_scene_that_is_none_or_repeats_one_is_listed_with_its_reason(background, reason):
    scenes = [of(FRESH, "Fresh"), of(background)]
    kept, rejected = select_scenes(scenes, [SCENE], ["JARVIS", "Tony"], SceneSettings())
    assert kept == scenes[:1]
    assert [(row.stage, row.reason, row.record["id"]) for row in rejected] == [("scenes", reason, background)]


def test_every_scene_is_kept_or_listed():
    scenes = [of(f"JARVIS counts {a} {b} in the hall today") for a in ("cups", "spoons") for b in ("twice", "again")]
    kept, rejected = select_scenes(scenes, [], ["JARVIS"], SceneSettings())
    assert sorted([scene.id for scene in kept] + [row.record["id"] for row in rejected]) == sorted(s.id for s in scenes)
    assert kept
    assert rejected
