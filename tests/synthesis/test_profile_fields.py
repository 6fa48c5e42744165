import asyncio
import contextlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.records import Passage, Profile
from roletune.synthesis.profile_fields import (
    SCHEMA,
    ProfileFieldSettings,
    extract_fields,
    parse_fields,
    select_items,
)
from roletune.synthesis.structured_profile import fill_profile, relations, timeline, year_of

from .made import reply

ADA = Profile(name="Ada", aliases=("Miss Ada",))
TEXT = (
    "Ada keeps the lighthouse. In March 1801 she was born there; her brother Tom rows out for oil. "
    "She speaks slowly and says “Mind the lamp, Tom!” to everybody."
)
PASSAGE = Passage(id="p1", text=TEXT, heading="Her life", source="profile.md#Her life")
PROMPT = load_prompt("profile")
SETTINGS = ProfileFieldSettings()


def note(kind, text, quote, who="", when=""):
    return {"kind": kind, "text": text, "who": who, "when": when, "quote": quote}


GOOD = (
    note("description", "Ada keeps the lighthouse.", "Ada keeps the lighthouse"),
    note("event", "She was born in the lighthouse.", "in march 1801 she was born there", when="March 1801"),
    note("relation", "Her brother, who rows out for oil.", "her brother Tom rows out for oil", who="Tom"),
    note("style", "She speaks slowly", '"she speaks slowly"'),
    note("catchphrase", "Mind the lamp, Tom!", "says 'Mind the lamp, Tom!' to everybody"),
)


def answer(*notes):
    return json.dumps({"items": notes})


def parsed(text):
    return parse_fields(reply(text), PASSAGE, ADA, PROMPT, "quill")


def ask(text, language="en"):
    writer = ScriptedModel([text], name="quill")
    prompt = load_prompt("profile", language)
    read = asyncio.run(extract_fields(PASSAGE, writer, profile=ADA, prompt=prompt, settings=SETTINGS))
    return read, writer.requests[0]


def test_every_kind_of_note_is_kept_with_the_words_of_the_passage_that_say_it():
    read, _ = ask(answer(*GOOD))
    assert read.rejections == ()
    assert [(item.kind, item.text, item.who, item.when, item.quote) for item in read.items] == [
        ("description", "Ada keeps the lighthouse.", "", "", "Ada keeps the lighthouse"),
        ("event", "She was born in the lighthouse.", "", "March 1801", "In March 1801 she was born there"),
        ("relation", "Her brother, who rows out for oil.", "Tom", "", "her brother Tom rows out for oil"),
        ("style", "She speaks slowly", "", "", "She speaks slowly"),
        ("catchphrase", "Mind the lamp, Tom!", "", "", "says “Mind the lamp, Tom!” to everybody"),
    ]
    provenance = read.items[0].provenance
    assert (provenance.source, provenance.passage, provenance.model) == ("passage:p1", "p1", "quill")
    assert len({item.id for item in read.items}) == len(GOOD)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_writer_sees_the_passage_with_its_heading_and_is_asked_for_json(language):
    _, request = ask(answer(), language)
    system, user = request.messages
    assert user["content"] == f"Her life\n\n{TEXT}"
    assert "Ada" in system["content"]
    assert all(kind in system["content"] for kind in ("description", "style", "catchphrase", "relation", "event"))
    assert (request.schema, request.temperature) == (SCHEMA, 0.0)


def test_a_text_that_says_nothing_gives_nothing():
    assert parsed(answer()) == parsed('```json\n{ "items" : [ ] }\n```')
    assert parsed(answer()).items == ()


@pytest.mark.parametrize("text", ["", "I can't help with that.", "Ada is brave.", '{"items": [{"kind": "style'])
def test_a_reply_without_any_object_is_an_error_with_its_raw_text(text):
    with pytest.raises(ReplyError, match="no JSON object") as error:
        parsed(text)
    assert error.value.raw == text


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (note("description", "She is brave.", "Ada is brave"), "the quotation is not in the passage"),
        (note("description", "She is brave.", ""), "no quotation"),
        (note("description", " … ", "Ada keeps the lighthouse"), "says nothing"),
        (note("hobby", "Lamps.", "Ada keeps the lighthouse"), "unknown kind"),
        (note("catchphrase", "Beware!", "Mind the lamp"), "the catchphrase is not in its quotation"),
        (note("relation", "Friend.", "Ada keeps the lighthouse"), "a relation to nobody"),
        (note("relation", "Herself.", "Ada keeps", who="miss ada"), "a relation to nobody"),
        (note("relation", "Friend.", "Ada keeps", who="Eve"), "the other one is not in the passage"),
        (note("event", "Born.", "she was born there", when="1799"), "the date is not in the passage"),
        ({"kind": ["style"], "text": None}, "unknown kind"),
    ],
)
def test_what_the_passage_does_not_say_is_rejected_with_the_reason_and_the_rest_stays(row, reason):
    read = parsed(answer(row, GOOD[0]))
    assert [item.text for item in read.items] == ["Ada keeps the lighthouse."]
    (rejection,) = read.rejections
    assert (rejection.reason, rejection.record, rejection.stage) == (reason, row, "profile")


def test_a_list_that_was_cut_off_gives_the_notes_that_are_whole():
    cut = answer(*GOOD)[:-60]
    assert [item.kind for item in parsed(cut).items] == ["description", "event", "relation", "style"]


@pytest.mark.parametrize(
    ("kind", "read_as"), [("Timeline", "event"), ("relationship", "relation"), ("Events", "event")]
)
def test_other_words_for_a_kind_are_understood(kind, read_as):
    (item,) = parsed(answer(note(kind, "Rows.", "her brother Tom", who="Tom"))).items
    assert item.kind == read_as


@given(st.text(alphabet='{}[]",:itemsknd ', max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_reply_is_read_or_refused(text):
    with contextlib.suppress(ReplyError):
        assert parsed(text).items == ()


def test_notes_that_repeat_each_other_are_one_unless_they_are_about_somebody_else():
    twice = parsed(answer(*GOOD, GOOD[0] | {"text": "Ada, she keeps the lighthouse"})).items
    kept, rejected = select_items(twice, SETTINGS)
    assert [item.kind for item in kept] == ["description", "event", "relation", "style", "catchphrase"]
    assert [(one.reason, one.detail) for one in rejected] == [("repeats another", "Ada keeps the lighthouse.")]
    others = parsed(answer(GOOD[2], GOOD[2] | {"who": "Ada keeps"})).items
    assert len(select_items(others, SETTINGS)[0]) == 2


def test_only_what_is_empty_in_a_profile_is_filled():
    items = parsed(answer(*GOOD)).items
    filled = fill_profile(ADA, items, SETTINGS)
    assert (filled.description, filled.style) == ("Ada keeps the lighthouse.", "She speaks slowly.")
    assert filled.catchphrases == ("Mind the lamp, Tom!",)
    own = Profile(name="Ada", description="You are Ada.", style="Slow.", catchphrases=("Ahoy.",))
    assert fill_profile(own, items, SETTINGS) == own


def test_relations_are_by_name_and_events_in_the_order_of_years():
    items = parsed(answer(*GOOD)).items
    assert {who: [item.text for item in told] for who, told in relations(items).items()} == {
        "Tom": ["Her brother, who rows out for oil."]
    }
    event = items[1]
    dates = ("", "1801", "15 March 44 BC", "12 July 100 BC", "5 May 1790")
    ordered = timeline([event.model_copy(update={"when": when}) for when in dates])
    assert [item.when for item in ordered] == ["12 July 100 BC", "15 March 44 BC", "5 May 1790", "1801", ""]


@pytest.mark.parametrize(
    ("when", "year"),
    [
        ("44 BC", -44),
        ("公元前44年3月15日", -44),
        ("前 44 年", -44),
        ("15. März 44 v. Chr.", -44),
        ("9 May 1945", 1945),
        ("as a boy", math.inf),
    ],
)
def test_a_year_is_read_from_a_date(when, year):
    assert year_of(when) == year
