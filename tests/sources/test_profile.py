from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.profile import parse_profile
from roletune.sources.sentences import MAX_WORDS
from roletune.sources.text import read_text

PROFILES = Path(__file__).resolve().parents[3] / "shared" / "data" / "character-llm" / "profiles"
FILES = sorted(PROFILES.glob("*.txt")) if PROFILES.is_dir() else []


def texts(text):
    return [passage.text for passage in parse_profile(text, "profile.md").passages]


def test_a_profile_has_a_title_notices_and_passages_under_headings():
    profile = parse_profile(
        "# JARVIS\n\n*Written for a test.*\n\n_And free._\n\n## Work ##\nHe runs\nthe house.\n\n### Home\nIt is tall.",
        "p.md",
    )
    assert (profile.title, profile.notices) == ("JARVIS", ("Written for a test.", "And free."))
    assert [(p.heading, p.text, p.source) for p in profile.passages] == [
        ("Work", "He runs the house.", "p.md#Work"),
        ("Home", "It is tall.", "p.md#Home"),
    ]


def test_a_heading_is_no_passage_even_without_blank_lines_around_it():
    assert texts("# A\nOne.\n## Work\nTwo.\n## Home\n### Garden\nThree.\n# More\nFour.") == [
        "One.",
        "Two.",
        "Three.",
        "Four.",
    ]


def test_a_rule_is_no_passage():
    assert texts("One.\n\n---\n\n* * *\n\nTwo.") == ["One.", "Two."]


def test_italics_after_the_first_section_are_a_passage():
    assert texts("## Words\n\n*Will do, sir.*") == ["*Will do, sir.*"]


def test_a_paragraph_that_begins_and_ends_with_italics_is_no_notice():
    assert texts("*Iron Man* is a film, and so is *Thor*") == ["*Iron Man* is a film, and so is *Thor*"]


def test_a_paragraph_names_its_sources_and_keeps_its_words():
    passages = parse_profile('He is kind. [source: a "wiki"] He is old. [Source: b]\n\nPlain.', "p.md", "CC").passages
    assert [(p.text, p.attribution, p.licence) for p in passages] == [
        ("He is kind. He is old.", 'a "wiki"; b', "CC"),
        ("Plain.", "", "CC"),
    ]


def test_a_source_alone_is_no_passage():
    assert texts("[source: a]\n\nOne.") == ["One."]


def test_a_long_paragraph_is_cut_at_sentences_and_each_piece_names_its_source():
    sentence = 'He said "Yes, sir." He had been up for nine hours, and nobody had asked him why! '
    passages = parse_profile(sentence * 40 + "[source: a]", "p.md").passages
    assert len(passages) > 2
    assert all(len(passage.text.split()) <= MAX_WORDS and passage.attribution == "a" for passage in passages)
    assert " ".join(passage.text for passage in passages) == (sentence * 40).strip()


def test_a_sentence_that_is_too_long_stays_whole():
    assert texts("word " * 500 + "end.") == [("word " * 500 + "end.")]


@given(
    st.lists(
        st.sampled_from(["He is.", 'He "was."', "Is he?", "no end", "(Yes.)", "”", "...", "x" * 30]),
        min_size=1,
        max_size=300,
    )
)
def test_cutting_loses_no_word(parts):
    text = " ".join(["Start", *parts])
    assert " ".join(texts(text)) == text


@pytest.mark.parametrize("text", ["# JARVIS\n\n## Work\n", "# A\n\n*A notice.*\n", "---\n", "[source: a]"])
def test_a_profile_without_a_paragraph_is_refused_with_a_cure(text):
    with pytest.raises(SourceError, match=r"p\.md holds no paragraph .* Write what is known"):
        parse_profile(text, "p.md")


def test_an_empty_profile_is_said_to_be_empty():
    with pytest.raises(SourceError, match=r"p\.md is empty\. Write"):
        parse_profile("\n\n", "p.md")


def test_the_same_passage_has_the_same_id_wherever_it_stands():
    one, two = parse_profile("A.\n\nB.", "p.md").passages, parse_profile("# T\n\n## S\nB.", "q.md").passages
    assert one[1].id == two[0].id != one[0].id


@pytest.mark.skipif(not FILES, reason="Wikipedia profiles are not part of the repository; looked for in ../shared/data")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_profile_of_another_project_is_read(path):
    text = read_text(path)
    profile = parse_profile(text, path.name)
    assert profile.title
    assert not any(passage.text.startswith("#") for passage in profile.passages)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert sum(len(p.text.split()) for p in profile.passages) == len(" ".join(lines).split())


def test_remarks_are_skipped_and_all_else_keeps_its_place():
    text = "# Ada\n\n<!-- write\n\nhere -->\n\nShe counted gulls. <!-- how many? -->\n\nShe slept."
    read = parse_profile(text, "profile.md")
    assert [passage.text for passage in read.passages] == ["She counted gulls.", "She slept."]
    assert text[read.passages[1].start : read.passages[1].end] == "She slept."


def test_a_remark_without_an_end_is_text():
    (passage,) = parse_profile("She wrote <!-- and counted.", "profile.md").passages
    assert passage.text == "She wrote <!-- and counted."


def test_a_profile_of_remarks_only_tells_nothing():
    with pytest.raises(SourceError, match="no paragraph"):
        parse_profile("# Ada\n\n<!-- what is known -->\n", "profile.md")
