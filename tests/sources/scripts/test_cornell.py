import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.scripts.cornell import read_cornell

LINES = """L3 +++$+++ u1 +++$+++ m0 +++$+++ BEN +++$+++ Why <u>now</u>?
L2 +++$+++ u0 +++$+++ m0 +++$+++ ANNA +++$+++ Close it, it\x92s caf\xe9 time\x85
L9 +++$+++ u0 +++$+++ m0 +++$+++ ANNA +++$+++ Alone.
L5 +++$+++ u4 +++$+++ m1 +++$+++ CLEM +++$+++ Hello.
L6 +++$+++ u5 +++$+++ m1 +++$+++ DORA +++$+++
L7 +++$+++ u5
"""
CONVERSATIONS = """u0 +++$+++ u1 +++$+++ m0 +++$+++ ['L2', 'L3']
u4 +++$+++ u5 +++$+++ m1 +++$+++ ['L5', 'L6']
u4 +++$+++ u5 +++$+++ m1 +++$+++ ['L5']
"""
TITLES = "m0 +++$+++ the mill +++$+++ 1999 +++$+++ 6.90 +++$+++ 62847 +++$+++ ['drama']\n"


def corpus(**changed):
    files = {"movie_lines.txt": LINES, "movie_conversations.txt": CONVERSATIONS, "movie_titles_metadata.txt": TITLES}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (files | {f"{key}.txt": value for key, value in changed.items()}).items():
            if text is not None:
                archive.writestr(f"cornell corpus/{name}", text if isinstance(text, bytes) else text.encode("latin-1"))
        archive.writestr("__MACOSX/cornell corpus/movie_lines.txt", b"\0\0")
    return packed.getvalue()


def turns(scene):
    return [(turn.speaker, turn.text) for turn in scene.turns]


def test_each_conversation_is_a_scene_with_its_lines_in_order():
    first, second = read_cornell(corpus(), "a.zip").scenes
    assert (first.title, first.headers) == ("the mill, L2", {"film": "m0"})
    assert turns(first) == [("ANNA", "Close it, it’s café time…"), ("BEN", "Why now?")]
    assert turns(second) == [("CLEM", "Hello.")]


def test_lines_outside_of_conversations_and_broken_rows_are_unread():
    unread = read_cornell(corpus(), "a.zip").unread
    assert {line.reason for line in unread} == {
        "in no conversation",
        "a line that says nothing",
        "no line of five fields",
        "a conversation with lines that are missing",
    }
    assert "ANNA: Alone." in [line.text for line in unread]


def test_one_film_is_picked_by_title_or_id():
    for movie in ("the mill", "The Mill", "m0"):
        reading = read_cornell(corpus(), "a.zip", movie=movie)
        assert ([scene.headers["film"] for scene in reading.scenes], reading.title) == (["m0"], "the mill")
    with pytest.raises(SourceError, match="no film called"):
        read_cornell(corpus(), "a.zip", movie="other")


def test_utf_8_is_read_too_and_titles_are_not_needed():
    data = corpus(movie_lines="L5 +++$+++ u +++$+++ m1 +++$+++ É +++$+++ Où?".encode(), movie_titles_metadata=None)
    (scene,) = read_cornell(data, "a.zip").scenes
    assert (scene.title, turns(scene)) == ("m1, L5", [("É", "Où?")])


@pytest.mark.parametrize("data", [b"", b"L1 +++$+++ u0", corpus(movie_lines=None)])
def test_anything_but_a_zip_of_both_files_is_refused_with_the_cure(data):
    with pytest.raises(SourceError, match=r"Zip movie_lines\.txt"):
        read_cornell(data, "a.zip")


def test_a_damaged_zip_and_a_bomb_are_refused():
    with pytest.raises(SourceError, match="damaged"):
        read_cornell(corpus()[:200], "a.zip")
    with pytest.raises(SourceError, match="unpacks to over"):
        read_cornell(corpus(movie_lines=b" " * 100_000_001), "a.zip")


ROWS = st.lists(st.sampled_from(["L1", "L2", " +++$+++ ", "m0", "ANNA", "\n", "['L1']", "ab", " "]), max_size=25)


@settings(max_examples=60, deadline=None)
@given(ROWS.map("".join), ROWS.map("".join))
def test_no_row_of_the_files_is_lost(lines, conversations):
    reading = read_cornell(corpus(movie_lines=lines, movie_conversations=conversations), "a.zip")
    said = {text for scene in reading.scenes for _, text in turns(scene)}
    shown = "\n".join([*(line.text for line in reading.unread), *said])
    for row in lines.split("\n"):
        assert " ".join(row.rpartition("+++$+++ ")[2].split()) in " ".join(shown.split())


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_in_the_files_are_read(lines, conversations):
    read_cornell(corpus(movie_lines=lines, movie_conversations=conversations), "a.zip")
