import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.records import Passage
from roletune.synthesis.scenes import (
    SceneCall,
    SceneSettings,
    extract_scenes,
    parse_scenes,
    plan_calls,
    plan_round,
    select_scenes,
)

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


def made_of(number, title):
    scene = of(f"JARVIS finds {title} in the hall", title)
    return scene.model_copy(update={"provenance": scene.provenance.model_copy(update={"passage": str(number)})})


def test_a_round_asks_about_each_passage_once_and_tells_what_the_rounds_before_made_of_it():
    settings = SceneSettings(count=5, per_call=1, told=2)
    first = plan_round(passages(3), settings, 0, [], 0)
    assert [(call.passage.id, call.sample, call.earlier) for call in first] == [
        ("0", 0, ()),
        ("1", 0, ()),
        ("2", 0, ()),
    ]
    kept = [made_of(0, "cups"), made_of(1, "spoons"), made_of(0, "forks"), made_of(0, "plates")]
    second = plan_round(passages(3), settings, 1, kept, 3)
    assert [(call.passage.id, call.sample) for call in second] == [("0", 1), ("1", 1)]
    assert [[scene.title for scene in call.earlier] for call in second] == [["forks", "plates"], ["spoons"]]


def test_what_was_not_kept_is_replaced_until_there_are_enough_or_nothing_more_comes():
    settings, three = SceneSettings(count=6, per_call=2, replacements=2), [made_of(0, word) for word in "abc"]
    assert plan_round(passages(3), settings, 0, [], 0)
    again = plan_round(passages(3), settings, 1, three, 3)
    assert [(call.passage.id, call.count, call.sample) for call in again] == [("1", 2, 1), ("2", 1, 1)]
    assert plan_round(passages(3), settings, 1, three, 0) == []  # the last round brought nothing
    assert plan_round(passages(3), settings, 1, [*three, *three], 3) == []  # there are enough
    assert plan_round(passages(3), settings, 3, three, 1) == []  # enough was tried
    assert plan_round([], settings, 0, [], 1) == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_writer_is_told_of_the_scenes_that_there_are(language):
    writer = ScriptedModel([PLAIN, PLAIN])
    plain = SceneCall(passage=PASSAGE, count=2, sample=0)
    told = plain.model_copy(update={"earlier": (made_of(0, "cups"),)})
    for call in (plain, told):
        prompt = load_prompt("scenes", language)
        settings = SceneSettings()
        asyncio.run(extract_scenes(call, writer, profile=PROFILE, prompt=prompt, examples=[SCENE], settings=settings))
    before, after = ("\n".join(message["content"] for message in one.messages) for one in writer.requests)
    assert "JARVIS finds cups in the hall" in after
    assert "cups" not in before
