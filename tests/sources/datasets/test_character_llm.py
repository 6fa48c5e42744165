"""Files as Character-LLM's programs write them: made here in their formats, and the real ones of NYU JARVIS."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.records import Profile
from roletune.sources.cited import Cited
from roletune.sources.datasets.character_llm import read_character_llm
from roletune.sources.dialogues import dialogues_of
from roletune.sources.splits import SplitSettings

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "nyu-jarvis"
WHY = "model output of other projects is not part of the repository and is looked for in ../shared/data"
shared = pytest.mark.skipif(not DATA.is_dir(), reason=WHY)

SCENES = "Context:\nHe makes tea.\n\nImagine 20 scenes that describe the protagonist."
DIALOGUE = (
    "Context:\nHe makes tea.\n\nThe setting is as follows.\n- Type: Chat\n- Location: The kitchen\n"
    "- Status: Tony asks for tea.\n\n1. As a writer, write."
)
SPOKEN = "Background:\nA kitchen.\n\nTony (speaking)\nTea?\n\nJARVIS (thinking)\nAgain.\n\nJ.A.R.V.I.S. (speaking): Sir"


def call(prompt, text, good=True, **more):
    return {
        "prompt": prompt, "gen_answer_id": 7, "completions": text, "check_result": good,
        "retry_time": 1 if good else 101, **more,
    }  # fmt: skip


def read(*rows):
    """The rows as that project appends them: indented, one right after the other."""
    return read_character_llm("".join(json.dumps(row, indent=2) for row in rows).encode(), "raw.json")


def said(reading):
    return [[(turn.speaker, turn.text, turn.kind) for turn in scene.turns] for scene in reading.scenes]


TURNS = [("Tony", "Tea?", "speech"), ("JARVIS", "Again.", "thought"), ("J.A.R.V.I.S.", "Sir", "speech")]


def test_a_completion_is_a_scene_with_what_its_prompt_asked_for():
    reading = read(call(DIALOGUE, SPOKEN))
    (scene,) = reading.scenes
    assert (said(reading), reading.unread) == ([TURNS], ())
    assert scene.title == "Tony asks for tea"
    assert scene.headers == {"background": "A kitchen.", "type": "Chat", "location": "The kitchen"}
    assert [paragraph.text for paragraph in reading.paragraphs] == ["He makes tea."]


def test_a_completion_of_scenes_is_all_its_scenes():
    text = (
        "Scene 1:\nType: Chat\nLocation: a\nBackground: One.\n\nScene 2: \nType: Denial\nLocation: b\nBackground: Two"
    )
    reading = read(call(SCENES, text), call(SCENES, "Scene 1:\nType: Chat\nLocation: c\nBackground: Three."))
    assert [scene.headers["background"] for scene in reading.scenes] == ["One.", "Two", "Three."]
    assert [scene.line for scene in reading.scenes] == [1, 1, 7]
    assert [paragraph.text for paragraph in reading.paragraphs] == ["He makes tea."]


def test_a_heading_of_a_passage_is_no_part_of_it():
    (paragraph,) = read(call("Context:\n## Work\nHe makes tea.\n\nImagine 20 scenes", SPOKEN)).paragraphs
    assert (paragraph.heading, paragraph.text) == ("Work", "He makes tea.")


def test_failed_calls_are_counted_where_another_try_succeeded_and_unread_where_none_did():
    reading = read(call(DIALOGUE, "", False), call(DIALOGUE, SPOKEN), call(SCENES, "", False), call(DIALOGUE, SPOKEN))
    assert said(reading) == [TURNS]
    assert [(line.number, line.text, line.reason) for line in reading.unread] == [
        (13, "", "the model's call failed (101 tries) and no other one gave its answer")
    ]
    assert reading.notices == (
        "1 completions were read.",
        "1 failed calls were left out: another try succeeded.",
        "1 calls failed for good and are listed as unread.",
        "1 completions were left out: the same answer to the same prompt came before.",
    )


def test_a_completion_that_its_project_found_wrong_is_unread_whole():
    (line,) = read(call(DIALOGUE, SPOKEN, False)).unread
    assert (line.text, line.reason) == (SPOKEN, "its own project found it wrong (check_result is false)")


def test_a_line_of_a_completion_that_belongs_to_nothing_is_listed_with_its_place_and_reason():
    reading = read(call(DIALOGUE, f"Sure!\n\n{SPOKEN}\n\n(End of scene)"), call(SCENES, "# No"), call(SCENES, "---"))
    assert said(reading) == [TURNS]
    assert [(line.text, line.reason) for line in reading.unread] == [
        ("Sure!", "answer 7, line 1: nobody speaks it"),
        ("(End of scene)", "answer 7, line 14: the writer's mark of the end"),
        ("No", "answer 7: a heading"),
        ("", "answer 7: it holds no scene"),
        ("", "answer 7: it holds no scene"),
    ]


def test_a_file_that_breaks_off_keeps_its_whole_completions():
    text = json.dumps(call(DIALOGUE, SPOKEN), indent=2) * 2
    reading = read_character_llm(text[:-30].encode(), "raw.json")
    assert said(reading) == [TURNS]
    (line,) = reading.unread
    assert line.number == 7
    assert line.reason.startswith("the file breaks off")


def test_speakers_keep_their_names_and_merge_into_the_character_later():
    reading = read(call(DIALOGUE, SPOKEN + "\n\nJarvis (speaking)\nTea, sir."))
    made = dialogues_of(reading, Cited("raw.json", "generated"), Profile(name="JARVIS"), SplitSettings())
    (dialogue,) = made.dialogues
    assert [turn.speaker for turn in dialogue.turns] == ["Tony", "JARVIS", "JARVIS", "JARVIS"]
    assert dialogue.scene.present == ("Tony", "JARVIS")


def test_a_parsed_dialogue_is_read_and_its_parsers_faults_undone():
    row = {
        "setting": ["Background:\nA kitchen."],
        "dialogue": [
            {"role": "Tony", "action": "(speaking)", "content": "Tea?"},
            {"role": "JARVIS", "action": "(thinking)", "content": "Again."},
            {"role": "JARVIS", "action": "Of course, sir.", "content": "At once."},
            {"role": "JARVIS", "action": "(pouring)", "content": "Here."},
            {"role": "", "action": "(speaking)", "content": "Who?"},
            {"role": "Note", "action": "(speaking)", "content": "I am a model."},
            {"role": "Tony", "action": "", "content": ""},
            "hm",
        ],
        "location": "The kitchen",
        "background": "Tony asks for tea.",
        "source": "seed_dialogue_7",
    }
    reading = read(row)
    assert said(reading) == [
        [
            ("Tony", "Tea?", "speech"),
            ("JARVIS", "Again.", "thought"),
            ("JARVIS", "Of course, sir.\nAt once.", "speech"),
            ("JARVIS", "pouring", "action"),
            ("JARVIS", "Here.", "speech"),
        ]
    ]
    assert reading.scenes[0].title == "Tony asks for tea"
    assert reading.scenes[0].headers == {"location": "The kitchen", "background": "A kitchen."}
    assert [(line.text, line.reason) for line in reading.unread] == [
        ("(speaking) Who?", "a turn that nobody is named for"),
        ("Note (speaking) I am a model.", "a remark of the writer's"),
        ("Tony", "a turn without words"),
        ("hm", "no turn of Character-LLM"),
    ]


def test_a_parsed_scene_is_read_with_the_passage_that_it_was_made_from():
    row = {"type": "Chat", "location": "a", "background": "One.", "source": "s", "profile": "He makes tea."}
    reading = read(row, row)
    assert [scene.headers for scene in reading.scenes] == [{"type": "Chat", "location": "a", "background": "One."}] * 2
    assert [paragraph.text for paragraph in reading.paragraphs] == ["He makes tea."]


def test_a_training_example_is_read_turn_by_turn():
    row = {
        "prompt": "I want you to act like JARVIS.\n\nLocation: A room\nStatus: He makes tea.\n\nInteractions:\n\n",
        "output": "Tony (speaking): Tea?<|eot|>\nJARVIS (thinking): Again.<|eot|>\nJ.A.R.V.I.S. (speaking): Sir<|eot|>",
        "source": "s",
    }
    reading = read(row)
    assert said(reading) == [TURNS]
    assert reading.scenes[0].headers == {"location": "A room", "background": "He makes tea."}


def test_what_is_none_of_it_is_unread_with_its_reason():
    reading = read_character_llm(b'{"a": 1}\n[2]\n{"dialogue": []}', "x")
    assert [(line.text, line.reason) for line in reading.unread] == [
        ('{"a": 1}', "neither a completion nor a scene of Character-LLM"),
        ("[2]", "neither a completion nor a scene of Character-LLM"),
        ('{"dialogue": []}', "it holds no scene"),
    ]
    with pytest.raises(SourceError, match="holds no whole JSON value"):
        read_character_llm(b"Scene 1:", "x")


KEYS = st.sampled_from(
    ["prompt", "completions", "check_result", "dialogue", "setting", "location", "background", "output", "role",
     "action", "content", "profile", "type"]
)  # fmt: skip
ROWS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", SCENES, DIALOGUE, SPOKEN, "Tony: a", "(speaking)"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ROWS, min_size=2, max_size=3))
def test_any_json_is_read_and_every_value_is_in_a_scene_unread_or_counted(rows):
    reading = read_character_llm("\n".join(map(json.dumps, rows)).encode(), "x")
    places = {scene.line for scene in reading.scenes} | {line.number for line in reading.unread}
    assert places == set(range(1, len(rows) + 1)) or reading.notices
    assert all(turn.text for scene in reading.scenes for turn in scene.turns)


# ---------------------------------------------------------------------------------------------------------------------
# The files of NYU JARVIS
#
# The measure: of the words (\w+) of each successful completion, those that are found again in the title, headers,
# speakers, texts or audiences of the scene read from it, each as often as it was written. Marks that became structure
# are counted apart: "(speaking)" and "(thinking)" (a turn's kind) and the names of headers.

LABELS = re.compile(
    r"\((?:speaking|thinking)\)|\bspeaking\)|^\W*(?:Background|Location|Time|Characters|Type):", re.M | re.I
)


def words(text):
    return Counter(re.findall(r"\w+", text))


def successful(name):
    """(line, completion) of every successful call, found without the reader's help."""
    text, place, decoder = (DATA / name).read_text("utf-8"), 0, json.JSONDecoder()
    while place < len(text.rstrip()):
        place += len(text[place:]) - len(text[place:].lstrip())
        row, end = decoder.raw_decode(text, place)
        if row["check_result"]:
            yield text.count("\n", 0, place) + 1, row["completions"]
        place = end


def kept(scene, *, text=""):
    """Of a dialogue, without what comes from its prompt and not from its `text`."""
    headers = {key: value for key, value in scene.headers.items() if not text or key not in ("type", "location")}
    if f"Location: {scene.headers.get('location')}" in text:
        headers["location"] = scene.headers["location"]
    parts = ["" if text else scene.title, *headers.values()]
    parts += [f"{turn.speaker} {turn.text} {' '.join(turn.audience or ())}" for turn in scene.turns]
    return words(" ".join(parts))


@shared
def test_of_the_words_of_258_dialogues_more_than_99_in_100_survive_and_the_rest_is_listed():
    name = "raw-dialogues.json"
    reading = read_character_llm((DATA / name).read_bytes(), name)
    scenes = {scene.line: scene for scene in reading.scenes}
    listed = Counter()
    for line in reading.unread:
        listed += words(line.text)
    written, labels, lost = Counter(), Counter(), Counter()
    for line, text in successful(name):
        written += words(text)
        labels += words(" ".join(LABELS.findall(text)))
        lost += words(text) - kept(scenes[line], text=text)
    assert len(reading.scenes) == 258
    assert lost.total() / written.total() < 0.02  # even where what became structure counts as lost
    missing = lost - labels
    assert missing.total() / (written - labels).total() < 0.001
    assert missing - listed == Counter()  # nothing is lost in silence
    assert all(line.reason for line in reading.unread)
    assert sum(line.reason.startswith("the model's call failed") for line in reading.unread) <= 6


@shared
def test_every_scene_of_every_successful_list_is_read():
    name = "raw-scenes.json"
    reading = read_character_llm((DATA / name).read_bytes(), name)
    blocks = sum(len(re.findall(r"(?m)^Scene\s*\d+", text)) for _, text in successful(name))
    assert len(reading.scenes) == blocks == 985
    assert all(scene.headers.keys() == {"type", "location", "background"} for scene in reading.scenes)
    assert all(all(scene.headers.values()) for scene in reading.scenes)
    written = words(" ".join(LABELS.sub(" ", text) for _, text in successful(name)))
    scenes = Counter({"Scene": len(reading.scenes)})
    for scene in reading.scenes:
        scenes += kept(scene)
    assert written - scenes == Counter()
    assert {line.text for line in reading.unread} <= {""}  # of calls that failed for good
    assert len(reading.paragraphs) == 4


@shared
def test_everybody_called_jarvis_in_the_dialogues_is_one_and_edwin_jarvis_another():
    name = "raw-dialogues.json"
    reading = read_character_llm((DATA / name).read_bytes(), name)
    printed = {turn.speaker for scene in reading.scenes for turn in scene.turns}
    assert {"JARVIS", "J.A.R.V.I.S."} <= printed
    made = dialogues_of(reading, Cited(name, "generated"), Profile(name="JARVIS"), SplitSettings())
    speakers = {turn.speaker for dialogue in made.dialogues for turn in dialogue.turns}
    assert {speaker for speaker in speakers if "jarvis" in speaker.replace(".", "").casefold()} == {
        "JARVIS",
        "Edwin Jarvis",
    }
    assert len(made.dialogues) > 200


@shared
def test_every_training_example_is_read():
    name = "prompted-276.jsonl"
    reading = read_character_llm((DATA / name).read_bytes(), name)
    assert {scene.line for scene in reading.scenes} == set(range(1, 277))
    assert all(scene.headers["location"] == "A room" for scene in reading.scenes)
