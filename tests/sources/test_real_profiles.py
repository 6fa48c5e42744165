"""The Wikipedia profiles that Character-LLM uses, as a user imports them: paragraphs are kept, headings are not."""

import re
from pathlib import Path

import pytest

from roletune.sources.formats import read_source

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PROFILES = DATA / "character-llm" / "profiles"
pytestmark = pytest.mark.skipif(not PROFILES.is_dir(), reason="profiles of others are looked for in ../shared/data")
NAMES = ("Beethoven", "Caesar", "Cleopatra", "Martin", "Socrates", "Voldemort")


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_imported_with_its_paragraphs_and_without_its_headings(name):
    data = (PROFILES / f"{name}.txt").read_bytes()
    form, reading = read_source(data, f"{name}.txt")
    lines = data.decode("utf-8").splitlines()
    headings = {line.strip("# ") for line in lines if re.match(r"\s*#{1,6}\s", line)}
    assert (form, reading.scenes, reading.unread) == ("prose", (), ())
    assert reading.title
    assert headings
    assert not headings & {paragraph.text.strip("# ") for paragraph in reading.paragraphs}
    assert not any(re.search(r"(?m)^\s*#", paragraph.text) for paragraph in reading.paragraphs)
    assert {paragraph.heading for paragraph in reading.paragraphs} - {""} <= headings
    prose = " ".join(line for line in lines if not re.match(r"\s*#{1,6}\s", line)).split()
    assert " ".join(paragraph.text for paragraph in reading.paragraphs).split() == prose


def test_a_profile_without_headings_is_imported_whole():
    path = DATA / "nyu-jarvis" / "profile.txt"
    form, reading = read_source(path.read_bytes(), path.name)
    assert form == "prose"
    assert len(reading.paragraphs) >= 4
