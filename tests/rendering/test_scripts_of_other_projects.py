"""Real model output and real profiles, where they lie beside the repository; their licences keep them out of it."""

import json
import re
from pathlib import Path

import pytest

from roletune.rendering.script import parse_script

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "nyu-jarvis"
WHY = "model output of other projects is not part of the repository and is looked for in ../shared/data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=WHY)


def completions(name):
    """The file holds JSON objects one after another; completions that its own check found wrong are left out."""
    text, place, decoder = (DATA / name).read_text("utf-8"), 0, json.JSONDecoder()
    while place < len(text.rstrip()):
        place += len(text[place:]) - len(text[place:].lstrip())
        row, place = decoder.raw_decode(text, place)
        if row["check_result"]:
            yield row["completions"]


def count(text):
    return len(re.findall(r"\w+", text))


def test_no_word_of_264_dialogues_is_lost_and_under_half_a_percent_is_unread():
    words = unread = kept = 0
    for text in completions("raw-dialogues.json"):
        script = parse_script(text)
        presentation = re.findall(r"\((?:speaking|thinking)\)|^\W*(?:Background|Location|Time|Characters):", text, re.M)
        words += count(text) - len(presentation)
        unread += sum(count(line.text) for line in script.unread)
        for scene in script.scenes:
            kept += count(scene.title) + sum(map(count, scene.headers.values()))
            kept += sum(count(turn.text) + count(turn.speaker) for turn in scene.turns)
    assert words > 150_000
    assert kept + unread >= 0.98 * words
    assert unread < 0.005 * words


def test_every_scene_of_90_lists_is_read_with_its_place_and_background():
    headers = [scene.headers for text in completions("raw-scenes.json") for scene in parse_script(text).scenes]
    assert len(headers) > 300
    whole = sum({"type", "location", "background"} <= set(header) for header in headers)
    assert whole > 0.98 * len(headers)
