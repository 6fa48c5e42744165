import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.scripts.subtitles import read_subtitles, read_webvtt
from roletune.sources.scripts.utterances import UNNAMED


def srt(*captions, gap=1.0):
    """Captions one after the other, each a second long."""
    blocks = []
    for number, text in enumerate(captions):
        start = number * (1 + gap)
        blocks.append(f"{number + 1}\n{clock(start)} --> {clock(start + 1)}\n{text}\n")
    return "\n".join(blocks)


def clock(seconds):
    return f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:{seconds % 60:06.3f}".replace(".", ",")


def turns(text, read=read_subtitles):
    return [(t.speaker, t.kind, t.text) for scene in read(text.encode(), "a.srt").scenes for t in scene.turns]


def test_a_name_in_capitals_before_a_colon_is_the_speaker():
    assert turns(srt("ANNA: Hello.\nBEN (V.O.): Yes?", "[SPEAKER_01]: Who?")) == [
        ("ANNA", "speech", "Hello."),
        ("BEN", "speech", "Yes?"),
        ("SPEAKER_01", "speech", "Who?"),
    ]


def test_a_name_in_small_letters_is_one_only_if_it_comes_often():
    assert turns(srt("Listen: it rains.")) == [(UNNAMED, "speech", "Listen: it rains.")]
    assert turns(srt("Anna: One.", "Anna: Two.", "- Anna: Three."))[2] == ("Anna", "speech", "Three.")


def test_dashes_tell_that_another_one_speaks():
    assert turns(srt("- Where is\nthe key?\n- Here.")) == [
        (UNNAMED, "speech", "Where is the key?"),
        (UNNAMED, "speech", "Here."),
    ]


def test_sounds_and_music_are_actions_of_nobody_and_of_the_speaker_where_one_is_named():
    assert turns(srt("[DOOR SLAMS]", "♪ la la ♪", "ANNA: (sighs) No. [laughs] Yes.")) == [
        ("", "action", "DOOR SLAMS"),
        ("", "action", "♪ la la ♪"),
        ("ANNA", "action", "sighs"),
        ("ANNA", "speech", "No."),
        ("ANNA", "action", "laughs"),
        ("ANNA", "speech", "Yes."),
    ]


def test_a_sentence_that_goes_on_is_one_turn_and_a_new_one_of_nobody_is_not_the_speakers():
    assert turns(srt("ANNA: I was going", "to say it.", "Say what?")) == [
        ("ANNA", "speech", "I was going to say it."),
        (UNNAMED, "speech", "Say what?"),
    ]
    assert len(turns(srt("ANNA: I was going", "to say it.", gap=3))) == 2


def test_a_long_silence_begins_another_scene():
    scenes = read_subtitles(srt("One.", "Two.", gap=25).encode(), "a.srt").scenes
    assert [scene.headers["at"] for scene in scenes] == ["0:00:00", "0:00:26"]
    assert len(read_subtitles(srt("One.", "Two.", gap=15).encode(), "a.srt").scenes) == 1


def test_tags_go_and_their_text_stays():
    assert turns(srt("{\\an8}<i>Far</i> <font color='red'>away</font> {not a tag} 3 < 4")) == [
        (UNNAMED, "speech", "Far away {not a tag} 3 < 4")
    ]


def test_a_number_that_is_said_is_not_the_number_of_a_subtitle():
    said = turns(srt("How many?\n42", "So many?\n43", gap=3))
    assert [text for _, _, text in said] == ["How many? 42", "So many? 43"]


def test_an_empty_subtitle_is_nothing():
    text = "1\n00:00:01,000 --> 00:00:02,000\n2\n00:00:03,000 --> 00:00:04,000\nHello.\n"
    assert turns(text) == [(UNNAMED, "speech", "Hello.")]


def test_what_stands_before_the_first_time_and_after_a_bad_one_is_unread():
    text = "Made by me\n" + srt("Hello.") + "\n2\n00:xx --> 00:yy\nLost?\n"
    unread = read_subtitles(text.encode(), "a.srt").unread
    assert [(line.number, line.text) for line in unread] == [(1, "Made by me"), (7, "00:xx --> 00:yy"), (8, "Lost?")]


ASS = """[Script Info]
Title: The Lamp
[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:05.00,0:00:06.00,Default,Ben,0,0,0,,{\\i1}No{\\i0}, never.
Dialogue: 0,0:00:01.00,0:00:02.00,Default,Anna,0,0,0,,Hello\\Nthere.
Dialogue: 0,0:00:07.00,0:00:08.00,Signs,,0,0,0,,The Old Inn
Dialogue: 0,0:00:07.00,0:00:08.00,Default,,0,0,0,,{\\p1}m 0 0 l 9 9{\\p0}
Comment: 0,0:00:08.00,0:00:09.00,Default,,0,0,0,,check
Dialogue: 0,soon,0:00:09.00,Default,,0,0,0,,When?
"""


def test_ass_tells_who_speaks_in_the_order_of_time():
    reading = read_subtitles(ASS.encode(), "a.ass")
    assert turns(ASS) == [
        ("Anna", "speech", "Hello there."),
        ("Ben", "speech", "No, never."),
        ("", "action", "The Old Inn"),
    ]
    assert reading.title == "The Lamp"
    assert [(line.number, line.reason) for line in reading.unread] == [
        (11, "a drawing"),
        (12, "a comment"),
        (13, "a time that can't be read"),
    ]


def test_ssa_with_fields_in_another_order_is_read_by_its_format_line():
    text = "[Events]\nFormat: Start, End, Actor, Text\nDialogue: 0:00:01.00,0:00:02.00,Anna,One, two.\n"
    assert turns(text) == [("Anna", "speech", "One, two.")]


VTT = """WEBVTT - The Lamp
Kind: captions

NOTE by me

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.000 align:start
<v Anna Lee>Hello &amp; <i>good</i> day.</v> <v.loud Ben>Shh!

00:03.000 --> 00:04.000
<00:03.500><c>[bell]</c>

soon --> later
Lost?
"""


def test_webvtt_voices_are_speakers_even_two_in_one_cue():
    assert turns(VTT, read_webvtt) == [
        ("Anna Lee", "speech", "Hello & good day."),
        ("Ben", "speech", "Shh!"),
        ("", "action", "bell"),
    ]


def test_webvtt_notes_and_bad_cues_are_unread_and_the_header_is_kept():
    reading = read_webvtt(VTT.encode(), "a.vtt")
    assert (reading.title, reading.facts) == ("The Lamp", {"Kind": "captions"})
    assert [(line.number, line.text) for line in reading.unread] == [
        (4, "NOTE by me"),
        (16, "soon --> later"),
        (17, "Lost?"),
    ]


@pytest.mark.parametrize("text", ["", "Just a text.", "1\n\n2\n"])
def test_a_text_without_times_is_no_subtitles(text):
    with pytest.raises(SourceError, match="no subtitles"):
        read_subtitles(text.encode(), "a.srt")


def test_srt_called_vtt_is_refused_with_the_cure():
    with pytest.raises(SourceError, match=r"call it \.srt"):
        read_webvtt(srt("Hello.").encode(), "a.vtt")


def test_pysubs2_finds_the_same_texts_in_ordinary_subtitles():
    pysubs2 = pytest.importorskip("pysubs2")
    for text in (srt("One.", "<i>Two</i>\nlines.", "Three."), ASS.replace("soon", "0:00:09.00")):
        theirs = [" ".join(event.plaintext.split()) for event in pysubs2.SSAFile.from_string(text) if event.is_text]
        assert sorted(theirs) == sorted(said for _, _, said in turns(text))


WORDS = st.text("ab:-[]()♪<>{}\\ .\n1", max_size=30)


def test_a_name_before_nothing_is_what_is_said():
    assert turns(srt("[b):")) == [(UNNAMED, "speech", "[b):")]
    assert turns(srt("MIRA:")) == [(UNNAMED, "speech", "MIRA:")]


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, max_size=8))
def test_no_letter_of_any_caption_is_lost_but_for_tags(captions):
    captions = [text.replace("<", "").replace("{", "").replace("\\", "").replace("-->", "") for text in captions]
    text = srt("start", *captions)
    reading = read_subtitles(text.encode(), "a.srt")
    kept = "".join(f"{t.text}{t.speaker}" for scene in reading.scenes for t in scene.turns)
    for letter in "ab":
        named = kept.count(letter) - UNNAMED.count(letter) * kept.count(UNNAMED)
        assert named >= "".join(captions).count(letter)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=150), st.sampled_from(["", "WEBVTT\n\n", "[Events]\n", "1\n00:00:01,000 --> 00:00:02,000\n"]))
def test_any_text_is_read_or_refused(text, start):
    for read in (read_subtitles, read_webvtt):
        with contextlib.suppress(SourceError):
            read((start + text).encode(), "a")


@pytest.mark.parametrize("sign", ["<a", "{\\", "[", "(", "♪", "- ", "A:", "-->", "<v ", "{\\p1}", "\n", "9\n"])
def test_hostile_captions_are_read(sign):
    hostile = sign * 30_000
    assert turns(srt("Hello.", hostile, "Bye."))
    read_webvtt(f"WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n{hostile}\n".encode(), "a.vtt")
    read_subtitles((ASS + f"Dialogue: 0,0:00:01.00,0:00:02.00,Default,A,0,0,0,,{hostile}\n").encode(), "a.ass")
