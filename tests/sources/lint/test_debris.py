import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.records import Passage, Profile
from roletune.sources.lint.debris import boilerplate, broken_encoding, headings

CLEAN = (
    "She runs the lighthouse at the edge of the bay. Every edit of the log is in her own hand, and she reads it aloud.",
    "“Café,” she says — “naïve, Ångström, ½ °C, €5, Übung, «señor», ça va…”. Her cookies are famous in [the bay].",
    "Я помню чудное мгновенье. 他守护着灯塔。 Ελληνικά και ñandú.",
)


def profile(*texts):
    passages = tuple(Passage(id=str(k), text=text, source=f"wiki#{k}") for k, text in enumerate(texts))
    return Profile(name="Ada", passages=passages)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Early life [edit] She was born.", "edit links"),
        ("早年生活[编辑] 她出生了。", "edit links"),
        ("She left.[12] She came back.", "reference marks"),
        ("She left.[citation needed]", "reference marks"),
        ("Jump to navigation. She left.", "navigation"),
        ("Main article: Her life", "navigation"),
        ("We use cookies to make this better.", "cookie and shop notices"),
        ("The Times. Retrieved 3 May 2011.", "reference lists"),
        ("See it, ISBN 978-3-16-148410-0.", "reference lists"),
        ("She is {{nowrap|very}} old", "markup"),
        ("She is [[Tom|his]] sister", "markup"),
        ("a&nbsp;b", "markup"),
    ],
)
def test_furniture_of_web_pages_is_found_named_and_quoted(text, kind):
    (finding,) = boilerplate(profile(CLEAN[0], text))
    assert finding.message.startswith(f"{kind} in 1 passage, as in ")
    assert (finding.check, finding.where) == ("boilerplate", "wiki#1")


def test_the_same_furniture_in_many_passages_is_one_finding():
    (finding,) = boilerplate(profile(*(f"Fact {k}.[{k}]" for k in range(9))))
    assert finding.message.startswith("reference marks in 9 passages")
    assert finding.where == "wiki#0, wiki#1, wiki#2 and 6 more"


def test_text_about_the_character_is_no_furniture_and_not_broken():
    clean = profile(*CLEAN)
    assert (boilerplate(clean), headings(clean), broken_encoding(clean)) == ([], [], [])


@pytest.mark.parametrize(
    "text", ["Early life", "## Early life", "== Early life ==", "Magical abilities and skills", "早年生活"]
)
def test_a_title_is_no_passage(text):
    (finding,) = headings(profile(CLEAN[0], text))
    assert repr(text) in finding.message


@pytest.mark.parametrize("text", ["“Will do, sir.”", "He left.", "One, two (three)", "他走了。", "Will do, sir!"])
def test_a_short_sentence_is_a_passage(text):
    assert headings(profile(text)) == []


@pytest.mark.parametrize("right", ["é", "ü", "’", "“", "—", "…", "ß", "à", "ñ", "€", "中", "я"])
def test_letters_read_in_the_wrong_encoding_are_named_with_what_they_should_be(right):
    wrong = "".join(
        bytes([byte]).decode("cp1252", "surrogateescape") if byte not in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else chr(byte)
        for byte in right.encode()
    )
    (finding,) = broken_encoding(profile(f"Caf{wrong} is open."))
    assert f"{wrong!r} should be {right!r} in 1 passage" in finding.message


def test_lost_letters_and_control_characters_are_found():
    assert ["lost" in f.message or "control" in f.message for f in broken_encoding(profile("Caf\ufffd", "a\x07b"))] == [
        True,
        True,
    ]


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_text_can_be_checked(text):
    for check in (boilerplate, headings, broken_encoding):
        check(profile(text))
