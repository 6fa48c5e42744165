import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.scripts.speech import Segment, merge_rttm, read_rttm, read_speech
from roletune.sources.scripts.utterances import UNNAMED


def segment(start, end, text, **more):
    return {"start": start, "end": end, "text": text, **more}


def read(*segments, **more):
    return read_speech(json.dumps({"segments": segments, **more}).encode(), "a.json")


def turns(reading):
    return [(turn.speaker, turn.kind, turn.text) for scene in reading.scenes for turn in scene.turns]


def rttm(*rows):
    return "".join(f"SPEAKER talk 1 {start} {length} <NA> <NA> {who} <NA> <NA>\n" for start, length, who in rows)


def test_what_one_speaker_says_without_a_pause_is_one_turn():
    reading = read(
        segment(0, 1, " Hello.", speaker="SPEAKER_00"),
        segment(1.5, 2, " How are you?", speaker="SPEAKER_00"),
        segment(2, 3, " Well.", speaker="SPEAKER_01"),
        segment(8, 9, " Very.", speaker="SPEAKER_01"),
        segment(40, 41, "[Music]"),
        language="en",
    )
    assert turns(reading) == [
        ("SPEAKER_00", "speech", "Hello. How are you?"),
        ("SPEAKER_01", "speech", "Well."),
        ("SPEAKER_01", "speech", "Very."),
        ("", "action", "Music"),
    ]
    assert len(reading.scenes) == 2
    assert reading.facts == {"Language": "en"}


def test_speech_without_speakers_is_of_somebody_unnamed():
    assert turns(read(segment(0, 1, "Hello."))) == [(UNNAMED, "speech", "Hello.")]


def test_a_segment_whose_words_have_two_speakers_is_divided():
    words = [{"word": word, "speaker": who} for word, who in [("Hello", "A"), ("you.", "A"), ("Yes?", "B")]]
    assert turns(read(segment(0, 1, "Hello you. Yes?", speaker="A", words=words))) == [
        ("A", "speech", "Hello you."),
        ("B", "speech", "Yes?"),
    ]


def test_words_that_are_not_the_text_divide_nothing():
    words = [{"word": "Hello", "speaker": "A"}, {"word": "you.", "speaker": "B"}]
    assert turns(read(segment(0, 1, "Hello to you.", speaker="A", words=words))) == [("A", "speech", "Hello to you.")]


def test_whisper_cpp_and_lists_of_segments_are_read():
    cpp = {"transcription": [{"offsets": {"from": 1000, "to": 2000}, "text": " Hi."}]}
    reading = read_speech(json.dumps(cpp).encode(), "a.json")
    assert (turns(reading), reading.scenes[0].headers["at"]) == ([(UNNAMED, "speech", "Hi.")], "0:00:01")
    assert turns(read_speech(json.dumps([segment(0, 1, "Hi.")]).encode(), "a.json")) == [(UNNAMED, "speech", "Hi.")]


def test_rttm_gives_each_segment_to_whom_it_overlaps_most():
    text = rttm((0, 2, "ann"), (1.5, 3, "ben"), (4, 0.2, "ann"))
    merged = merge_rttm(
        [Segment("One", 0, 2.2, 1), Segment("Two", 2.2, 4.5, 2), Segment("Three", 9, 10, 3, "old")], text
    )
    assert [each.speaker for each in merged] == ["ann", "ben", "old"]


def test_overlapping_intervals_of_one_speaker_count_once():
    text = rttm((0, 1, "ann"), (0, 1, "ann"), (0, 1, "ann"), (0.5, 2, "ben"))
    assert merge_rttm([Segment("One", 0, 2.5, 1)], text)[0].speaker == "ben"


def test_rttm_within_the_json_divides_segments_by_the_times_of_words():
    words = [{"word": " Hello", "start": 0, "end": 1}, {"word": " Yes?", "start": 1, "end": 2}]
    reading = read(segment(0, 2, " Hello Yes?", words=words), rttm=rttm((0, 1, "ann"), (1, 1, "ben")) + "garbage\n")
    assert turns(reading) == [("ann", "speech", "Hello"), ("ben", "speech", "Yes?")]
    assert [line.text for line in reading.unread] == ["garbage"]


def test_segments_without_text_or_times_are_unread():
    reading = read(segment(0, 1, "Hi."), {"text": "When?"}, 7, segment(-1, 2, "Before"), segment(1, 2, " "))
    assert [(line.number, json.loads(line.text)) for line in reading.unread] == [
        (2, {"text": "When?"}),
        (3, 7),
        (4, segment(-1, 2, "Before")),
    ]


def test_rttm_alone_has_no_words_and_says_what_to_do():
    with pytest.raises(SourceError, match=r"when 2 people speak.*key `rttm`"):
        read_rttm(rttm((0, 1, "ann"), (1, 1, "ben")).encode(), "a.rttm")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"segments": 3}', b"[1]", b"no json", b'{"segments": [', b"[" * 100_000]
)
def test_other_json_is_refused(data):
    with pytest.raises(SourceError):
        read_speech(data, "a.json")


VALUES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)
KEYS = st.sampled_from(["start", "end", "text", "speaker", "words", "offsets", "word"])
ROWS = st.dictionaries(KEYS, VALUES | st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=3), max_size=6)


@settings(max_examples=100, deadline=None)
@given(st.lists(ROWS | VALUES, max_size=5), st.text(max_size=60))
def test_any_rows_are_read_or_refused(rows, text):
    with contextlib.suppress(SourceError):
        reading = read(*rows, rttm=text)
        assert reading.scenes or reading.unread or all(not str(r.get("text", "")).strip() for r in rows)


def test_a_long_talk_with_thousands_of_intervals_is_merged():
    intervals = rttm(*((k, 1, "ann" if k % 2 else "ben") for k in range(20_000)))
    merged = merge_rttm([Segment("x", k, k + 1, k) for k in range(20_000)], intervals)
    assert [each.speaker for each in merged[:3]] == ["ben", "ann", "ben"]
