"""Foreign data through our filters: counted by hand on a small file, and on the raw files of NYU's JARVIS project."""

import json
from pathlib import Path

import pytest
from tests.character import make_character
from typer.testing import CliRunner

from roletune.cli import app
from roletune.engine.duplicates import Repeats, count_repeats
from roletune.project import Project
from roletune.verbs.quality import audit

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "nyu-jarvis"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data for checks is not here")

GOOD = "Olaf: Who goes there?\nMira: Only the night, dear.\nOlaf: Does it pay?\nMira: It never pays its rent.\n"
FOREIGN = f"""## Scene: The stairs
Background: Olaf climbs the wet stairs with a lamp.

{GOOD}
## Scene: The landing
Background: Olaf climbs the wet stairs with the lamp.

{GOOD.replace("rent", "rent, as an AI language model")}
## Scene: The quay
Background: Two gulls quarrel about a herring.

Olaf: Nobody is here.
Peder: Nobody at all.

## Scene: The roof
Background: The wind has taken the weathercock.
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "foreign.md").write_text(FOREIGN, "utf-8")
    return make_character(tmp_path / "mira")


def test_every_scene_is_counted_once_under_what_becomes_of_it(folder):
    found = audit(Project.open(folder), [folder.parent / "foreign.md"])
    assert (found.scenes, found.to_be_played, found.judged, found.kept) == (4, 1, 2, 1)
    assert found.failed == {"assistant-speak": 1, "no line of Mira": 1}
    assert found.backgrounds == Repeats(4, 2, 1)
    assert found.kept + sum(found.failed.values()) + found.to_be_played == found.scenes


def test_the_command_prints_the_same_for_people_and_machines(folder):
    asked = ["quality", str(folder), str(folder.parent / "foreign.md")]
    told = CliRunner().invoke(app, asked).output
    assert "2 (50.0%) are near-duplicates of another one, 1 (25.0%) of an earlier one" in " ".join(told.split())
    row = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert (row["failed"]["assistant-speak"], row["backgrounds"]["like_an_earlier"]) == (1, 1)
    assert not (folder / "build").exists()


def test_both_usual_counts_of_near_duplicates_are_told():
    assert count_repeats(["a b c", "a b c", "x y", "a b c d", ""], 0.6) == Repeats(5, 3, 2)


@needs_data
def test_the_scenes_of_nyu_jarvis_repeat_each_other_as_often_as_was_counted_independently(tmp_path):
    """About 63 % of the shared half like some other one, about 45 % like an earlier one (word overlap from 0.6)."""
    folder = make_character(tmp_path / "jarvis", name="JARVIS", aliases=["J.A.R.V.I.S.", "J.A.R.V.I.S"])
    found = audit(Project.open(folder, complete=False), [DATA / "raw-scenes.json"])
    repeats = found.backgrounds
    assert 0.61 < repeats.like_another / repeats.texts < 0.65
    assert 0.43 < repeats.like_an_earlier / repeats.texts < 0.47
    assert found.to_be_played + sum(found.failed.values()) == found.scenes


@needs_data
def test_the_dialogues_of_nyu_jarvis_pass_or_fail_with_a_reason_and_none_is_lost(tmp_path):
    folder = make_character(tmp_path / "jarvis", name="JARVIS", aliases=["J.A.R.V.I.S.", "J.A.R.V.I.S"])
    found = audit(Project.open(folder, complete=False), [DATA / "raw-dialogues.json"])
    assert found.scenes == found.kept + sum(found.failed.values()) + found.to_be_played > 200
    assert found.kept > 0.1 * found.scenes
    assert {"a turn is too long", "assistant-speak", "nobody else speaks", "one speaker goes on and on"} < set(
        found.failed
    )
