import json
import os

import pytest
import yaml
from tests.character import make_character

from roletune.engine.store import read_records
from roletune.records import Dialogue, Profile, Rejection, Speakers

from .terminal import roletune

LETTER = "# Letters\n\n## Winter\n\nMira wrote that the sea froze, and that nobody came for eleven weeks.\n"
PLAY = """## Scene: The pier
Mira (V.O.): Who is down there?
OLAF: Only the post.
M.I.R.A.: The post is drunk.

## Scene: The inn
OLAF: A room, please.
PER: There is none.
"""


@pytest.fixture
def mira(tmp_path):
    return make_character(tmp_path / "mira")


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    for name, text in {"letters.md": LETTER, "play.txt": PLAY, "README.md": "# no", "data.bin": "\0"}.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def snapshot(folder):
    paths = [path for path in folder.rglob("*") if path.is_file() and "lock" not in path.name]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def told(capsys, *args):
    end = roletune(capsys, "import", *args, "--json")
    return json.loads(end.out)


def entries(folder):
    return yaml.safe_load((folder / "character.yaml").read_text("utf-8"))["sources"]


def test_a_file_is_copied_named_in_the_settings_and_told_about(mira, files, capsys):
    found = told(capsys, mira, files / "play.txt", "--licence", "CC BY-SA 4.0")
    (row,) = found["imported"]
    assert (row["format"], row["scenes"], row["dialogues"], row["licence"]) == ("script", 2, 1, "CC BY-SA 4.0")
    assert (mira / "sources" / "play.txt").read_text("utf-8") == PLAY
    assert entries(mira) == [
        {"path": "dialogues"},
        {"path": "sources/play.txt", "origin": "authentic", "licence": "CC BY-SA 4.0"},
    ]
    assert {one["name"] for one in found["speakers"] if one["character"]} >= {"M.I.R.A."}


def test_what_is_in_the_settings_stays_as_it_is(mira, files, capsys):
    settings = "# about her\nname:   Mira # short\nsources:\n  - {path: dialogues}   # ours\n\nsplits: {test: 0.2}\n"
    (mira / "character.yaml").write_text(settings)
    roletune(capsys, "import", mira, files / "letters.md")
    after = (mira / "character.yaml").read_text()
    assert after == settings.replace("# ours\n", "# ours\n  - {path: sources/letters.md, origin: authentic}\n")


def test_importing_the_same_again_changes_nothing(mira, files, capsys):
    roletune(capsys, "import", mira, files / "play.txt", files)
    before = snapshot(mira)
    again = told(capsys, mira, files / "play.txt", files)
    assert snapshot(mira) == before
    assert [row["new"] for row in again["imported"]] == [False, False, False]


def test_a_dry_run_tells_everything_and_writes_nothing(mira, files, capsys):
    before = snapshot(mira)
    found = told(capsys, mira, files, "--dry-run")
    assert snapshot(mira) == before
    assert [(row["path"], row["new"]) for row in found["imported"]] == [
        ("sources/given/letters.md", True),
        ("sources/given/play.txt", True),
    ]


def test_a_folder_is_one_source_and_its_readme_is_none(mira, files, capsys):
    assert roletune(capsys, "import", mira, files).code == 0
    assert entries(mira)[1:] == [{"path": "sources/given", "origin": "authentic"}]
    assert sorted(os.listdir(mira / "sources" / "given")) == ["letters.md", "play.txt"]
    assert roletune(capsys, "check", mira).code == 0


def test_another_file_of_the_same_name_does_not_take_its_place(mira, files, tmp_path, capsys):
    other = tmp_path / "letters.md"
    other.write_text(LETTER.replace("eleven", "twelve"))
    found = told(capsys, mira, files / "letters.md", other)
    assert [row["path"] for row in found["imported"]] == ["sources/letters.md", "sources/letters-2.md"]
    assert "twelve" in (mira / "sources" / "letters-2.md").read_text()


def test_a_file_of_the_folder_is_not_copied(mira, capsys):
    (mira / "notes.md").write_text(LETTER)
    roletune(capsys, "import", mira, mira / "notes.md")
    assert entries(mira)[1]["path"] == "notes.md"
    assert not (mira / "sources").exists()


def test_what_can_not_be_read_is_told_and_the_rest_imported(mira, files, capsys):
    end = roletune(capsys, "import", mira, files / "data.bin", files / "gone.md", files / "letters.md", "--json")
    found = json.loads(end.out)
    assert end.code == 1
    assert [row["path"] for row in found["imported"]] == ["sources/letters.md"]
    assert [os.path.basename(row["source"]) for row in found["failed"]] == ["data.bin", "gone.md"]
    assert not (mira / "sources" / "data.bin").exists()


def test_if_the_settings_can_not_be_added_to_nothing_is_left_behind(mira, files, capsys):
    (mira / "character.yaml").write_text('{"name": "Mira"}\n')
    before = snapshot(mira)
    end = roletune(capsys, "import", mira, files / "play.txt")
    assert (end.code, "Add by hand" in end.err) == (1, True)
    assert snapshot(mira) == before


@pytest.mark.parametrize("name", ["../../outside.md", "a#b.md", "..md", "x:y.md"])
def test_nothing_is_written_outside_of_sources(mira, tmp_path, capsys, name):
    given = tmp_path / "given" / "deep"
    given.mkdir(parents=True)
    path = given / name
    path.write_text(LETTER)
    (row,) = told(capsys, mira, path)["imported"]
    assert row["path"].startswith("sources/")
    assert "#" not in row["path"]
    assert (mira / row["path"]).read_text() == LETTER


def test_a_format_and_an_origin_are_named_by_hand(mira, files, capsys):
    roletune(capsys, "import", mira, files / "play.txt", "--as", "prose", "--origin", "written")
    assert entries(mira)[1] == {"path": "sources/play.txt", "origin": "written", "format": "prose"}
    assert roletune(capsys, "import", mira, files / "play.txt", "--as", "word").code == 2
    assert roletune(capsys, "import", mira, files / "play.txt", "--origin", "stolen").code == 2


def test_a_living_subject_is_warned_of_and_not_refused_until_something_is_made(mira, files, capsys):
    settings = mira / "character.yaml"
    settings.write_text(settings.read_text() + "subject: living\n")
    found = told(capsys, mira, files / "letters.md")
    assert found["imported"]
    assert any("living person" in warning for warning in found["warnings"])
    assert "consent:" in roletune(capsys, "profile", mira).err


def test_a_character_that_speaks_nowhere_is_asked_for_an_alias(tmp_path, files, capsys):
    folder = make_character(tmp_path / "inga", name="Inga")
    (warning, *_) = told(capsys, folder, files / "play.txt")["warnings"]
    assert "speaks in none of the scenes" in warning
    assert "Olaf" in warning or "OLAF" in warning


def test_a_missing_source_does_not_keep_others_from_being_imported(tmp_path, files, capsys):
    folder = make_character(tmp_path / "mira", sources=[{"path": "sources/lost.md"}])
    assert roletune(capsys, "import", folder, files / "letters.md").code == 0


def test_people_read_what_was_found(mira, files, capsys):
    out = roletune(capsys, "import", mira, files / "play.txt").out
    for word in ("sources/play.txt", "script", "Speakers", "M.I.R.A.", "the character", "unknown", "roletune check"):
        assert word in out


def test_a_profile_can_come_from_sources_alone(tmp_path, files, capsys):
    folder = make_character(tmp_path / "mira", splits={"validation": 0, "test": 0})
    (folder / "profile.md").unlink()
    roletune(capsys, "import", folder, files, "--licence", "CC BY-NC 4.0")
    assert roletune(capsys, "profile", folder).code == 0
    (profile,) = read_records(folder / "build" / "profile.jsonl", Profile)
    (passage,) = profile.passages
    assert (passage.source, passage.licence) == ("sources/given/letters.md#Winter", "CC BY-NC 4.0")
    dialogues = read_records(folder / "build" / "dialogues.jsonl", Dialogue)
    rejected = read_records(folder / "build" / "dialogues.rejected.jsonl", Rejection)
    assert [one.scene.title for one in dialogues if "play" in one.provenance.source] == ["The pier"]
    assert [row.reason for row in rejected] == ["no line of Mira"]
    speakers = Speakers.model_validate_json((folder / "build" / "speakers.json").read_text()).speakers
    assert {one.name for one in speakers if one.character} >= {"M.I.R.A.", "Mira"}
    page = (folder / "build" / "ATTRIBUTION.md").read_text()
    assert "sources/given/letters.md" in page
    assert "CC BY-NC 4.0" in page
    assert not profile.commercial_use


def test_show_profile_tells_what_a_person_wants_to_know(tmp_path, files, capsys):
    folder = make_character(
        tmp_path / "mira", boundary={"must_not_know": ["radar"]}, licence="CC0", description="You are Mira."
    )
    (files / "more.txt").write_text("## Scene: X\nMIRA-: Hm.\nMira: Ho.\nOlaf: He.\n")
    roletune(capsys, "import", folder, files, "--licence", "CC BY-SA 4.0")
    roletune(capsys, "profile", folder)
    out = " ".join(roletune(capsys, "show", "profile", folder).out.split())
    for word in (
        *("You are Mira.", "radar", "profile.md: 2 passages", "CC0", "clockwork", "eleven weeks"),
        *("Licence of the whole: CC BY-SA 4.0", "dialogues/scenes.md", "Speakers", "Olaf", "too little"),
    ):
        assert word in out, word
