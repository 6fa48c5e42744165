"""Two small characters on a tiny random base: an adapter each in one run, and one adapter for both."""

import json

import pytest
from tests.character import make_character
from tests.cli.terminal import roletune
from tests.inference import tiny

OVERRIDES = {"rank": 2, "epochs": 1, "max_tokens": 2048, "evaluations_per_epoch": 1, "dtype": "float32"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("several")
    base = tiny.base_folder(place / "base", "Llama", context=4096)
    settings = {"base": str(base), "scenes": {"count": 0}, "protective": {"count": 0}}
    made = [make_character(place / name, train={"overrides": OVERRIDES}, **settings) for name in ("mira", "nora")]
    for path in (path for path in made[1].rglob("*") if path.is_file()):
        path.write_text(path.read_text("utf-8").replace("Mira", "Nora"), "utf-8")
    return made


@pytest.mark.model
def test_several_are_trained_in_one_run_or_into_one_adapter_and_measured_for_each(folders, capsys):
    mira, nora = folders
    end = roletune(capsys, "train", mira, nora, "--together", "--json")
    assert end.code == 0, end.err
    assert "Mira, Nora together" in end.err
    told = json.loads(end.out)
    assert [told[name]["ran"][-1] for name in ("Mira", "Nora")] == ["train", "train"]
    assert (nora / "build" / "adapter").resolve().name == told["Nora"]["run"]
    assert json.loads(roletune(capsys, "train", nora, "--json").out)["ran"] == []  # as if trained alone
    again = json.loads(roletune(capsys, "train", mira, nora, "--together", "--json").out)
    assert again["Mira"] == {"ran": [], "run": told["Mira"]["run"]}

    both = mira.parent / "both"
    end = roletune(capsys, "train", mira, nora, "--mixed", "--into", both, "--json")
    assert end.code == 0, end.err
    mixed = json.loads(end.out)
    found = mixed["comparison"]
    assert [entrant["name"] for entrant in found["entrants"]] == ["mixed adapter", "own adapter", "base with prompt"]
    assert [figure["figure"].split(":")[0] for figure in found["figures"]] == ["Mira", "Nora"]
    assert all(len(figure["estimates"]) == 3 for figure in found["figures"])
    assert json.loads((both / "adapter" / "adapter.json").read_text())["character"] == "Mira, Nora"
    assert (both / "compare.html").is_file()

    def trained_at():
        return (both / "runs" / mixed["run"] / "adapter.json").stat().st_mtime_ns

    first = trained_at()
    end = roletune(capsys, "train", nora, mira, "--mixed", "--into", both, "--json")  # in the other order: the same run
    assert end.code == 0, end.err
    assert (json.loads(end.out)["run"], trained_at()) == (mixed["run"], first)
    end = roletune(capsys, "train", nora, mira, "--mixed", "--into", both, "--again", "--json")
    assert (json.loads(end.out)["run"], trained_at() > first) == (mixed["run"], True)

    assert (mira / "build" / "adapter").resolve().name == told["Mira"]["run"]  # until it is put to use
    assert roletune(capsys, "use", mixed["run"], mira).code == 0
    assert (mira / "build" / "adapter").resolve().name == mixed["run"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["A", "B"], "--together"),
        (["A", "--together"], "several characters"),
        (["A", "B", "--mixed"], "--into"),
        (["A", "B", "--together", "--mixed"], "choose one"),
        (["A", "B", "--together", "--plan"], "one character"),
        (["A", "--into", "C"], "--mixed"),
    ],
)
def test_options_that_dont_go_together_are_refused(asked, told, capsys):
    end = roletune(capsys, "train", *asked)
    assert end.code == 2
    assert told in end.err


def test_a_character_that_is_named_twice_is_refused(folders, capsys):
    end = roletune(capsys, "train", folders[0], folders[0], "--together")
    assert end.code == 1
    assert "named twice" in end.err
