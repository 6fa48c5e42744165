from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.sources.documents.pdf_prose import RunningHeads, running_heads, to_prose

FULL = "a line that is as wide as the lines of this page are, more"


def prose(*pages):
    return list(to_prose(pages, running_heads(pages)))


def test_a_word_cut_at_the_end_of_a_line_is_joined():
    assert prose(f"{FULL} light-\nhouse and\n{FULL}.") == [("page 1", f"{FULL} lighthouse and {FULL}.")]


def test_a_hyphen_stays_where_the_document_writes_the_word_with_it():
    text = f"{FULL} well-\nknown, and well-known it was.\n{FULL}."
    assert "well-known, and well-known it was." in prose(text)[0][1]


def test_a_name_with_a_hyphen_is_not_joined():
    assert "Mary- Ann" in prose(f"{FULL} Mary-\nAnn\n{FULL}.")[0][1]


def test_a_soft_hyphen_is_no_letter():
    assert prose(f"{FULL} light\u00ad\nhouse.")[0][1].endswith("lighthouse.")


def test_a_paragraph_goes_on_over_the_end_of_a_page():
    told = prose(f"{FULL}\nand then they saw the", f"ship come in.\n\n{FULL}.")
    assert told == [("page 1", f"{FULL} and then they saw the ship come in."), ("page 2", f"{FULL}.")]


def test_headings_one_after_the_other_are_one_and_the_last_is_text():
    told = prose(f"Part One\nThe Sea\nThis is {FULL}.\nshort end.\nThe End")
    assert told[0][0] == "Part One: The Sea, page 1"
    assert told[-1] == ("page 1", "The End")


def test_digits_in_running_heads_count_as_the_same_line():
    pages = [f"Chapter {number}: the sea\n{FULL}\n{FULL} {'x' * number}.\n- {number} -" for number in range(1, 9)]
    heads = running_heads(pages)
    assert ("Chapter 1: the sea", 8) in heads.told
    assert all("Chapter" not in text and "- " not in text for _, text in to_prose(pages, heads))


def test_a_line_that_repeats_within_the_pages_is_text():
    pages = [f"{number} x\n{FULL}\nNevermore.\n{FULL} {number}\nend {'y' * number}." for number in range(1, 6)]
    assert sum(text.count("Nevermore.") for _, text in to_prose(pages, running_heads(pages))) == 5


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("abA. -\n1", max_size=80), min_size=1, max_size=4))
def test_without_running_heads_every_letter_is_told(pages):
    told = list(to_prose(pages, RunningHeads()))
    letters = "".join(text for _, text in told) + "".join(heading.split(", page")[0] for heading, _ in told)
    for letter in "abA1":
        assert letters.count(letter) >= sum(page.count(letter) for page in pages) - letters.count("page")
