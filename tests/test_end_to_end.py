"""The whole story once, with the embedded model: a few dialogues of the example JARVIS, a few steps of training."""

import json
import re
from pathlib import Path

import pytest
import yaml
from tests.cli.terminal import roletune

from roletune.records import Report
from roletune.sources.splits import SplitSettings, split_of

EXAMPLE = Path(__file__).parents[1] / "examples" / "jarvis"
SMALL = {
    "scenes": {"count": 2, "per_call": 2, "max_tokens": 80, "replacements": 0},
    "experiences": {"max_tokens": 80},
    "protective": {"count": 1, "twins": False, "max_tokens": 80},
    "train": {"recipe": "quick", "overrides": {"rank": 4, "epochs": 1, "max_tokens": 512, "evaluations_per_epoch": 1}},
    "dataset": {"train_share": 1.0},
    "splits": {"validation": 0.2, "test": 0.3},
}
WANTED = {"train": 5, "validation": 1, "test": 2}
QUESTIONS = ["Hey JARVIS, are you up?", "Who is Harry Potter?"]


def small_jarvis(folder):
    """JARVIS with eight of his dialogues, so many for each split, and two questions."""
    settings = yaml.safe_load((EXAMPLE / "character.yaml").read_text("utf-8")) | SMALL
    settings["evaluate"] |= {"max_tokens": 24, "resamples": 200}
    (folder / "dialogues").mkdir(parents=True)
    (folder / "character.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")
    (folder / "profile.md").write_text((EXAMPLE / "profile.md").read_text("utf-8"), "utf-8")
    (folder / "questions.yaml").write_text(yaml.safe_dump([{"text": text} for text in QUESTIONS]), "utf-8")
    (folder / "dialogues" / "few.md").write_text("\n".join(few_scenes()), "utf-8")
    return folder


def few_scenes():
    left, splits = dict(WANTED), SplitSettings(**SMALL["splits"])
    for file in sorted((EXAMPLE / "dialogues").glob("*.md")):
        for scene in re.split(r"(?m)^(?=## Scene)", file.read_text("utf-8"))[1:]:
            title = re.match(r"## Scene: (.+)", scene)[1]
            slug = re.sub(r"[^\w]+", "-", title.casefold()).strip("-")
            split = split_of(f"dialogues/few.md#{slug}", splits)
            if left[split]:
                left[split] -= 1
                yield scene


@pytest.mark.model
@pytest.mark.server
@pytest.mark.timeout(900)
def test_a_character_from_end_to_end(tmp_path, capsys):
    folder = small_jarvis(tmp_path / "jarvis")
    first = roletune(capsys, "run", folder, "--json")
    assert first.code == 0, first.err
    stages = ["profile", "scenes", "experiences", "protective", "dataset", "train", "evaluate", "report"]
    assert json.loads(first.out)["ran"] == stages

    report = json.loads((folder / "build" / "report" / "report.json").read_text("utf-8"))
    check_the_stable_interface(report)
    assert report["data"]["train_dialogues"] >= WANTED["train"]
    assert (report["data"]["validation_dialogues"], report["data"]["test_dialogues"]) == (1, 2)
    assert sum(report["data"]["origins"].values()) == report["data"]["train_dialogues"] + 3
    assert [reply["question"] for reply in report["evaluation"]["replies"]] == QUESTIONS
    assert set(report["timings"]["stages"]) == set(stages[:-1])
    assert_nothing_tells_of_this_machine(folder)
    for name in ("report.html", "report.md"):
        assert "JARVIS" in (folder / "build" / "report" / name).read_text("utf-8")

    assert json.loads(roletune(capsys, "run", folder, "--json").out)["ran"] == []

    questions = folder / "questions.yaml"
    questions.write_text(questions.read_text("utf-8").replace("Harry Potter", "Sherlock Holmes"), "utf-8")
    before = calls(capsys, folder)
    assert json.loads(roletune(capsys, "run", folder, "--json").out)["ran"] == ["evaluate", "report"]
    assert calls(capsys, folder) == before + 3, "only the changed question is asked, of each contestant"

    for stage in stages:
        assert roletune(capsys, "show", stage, folder).code == 0
    exported = json.loads(roletune(capsys, "export", folder, "--json").out)
    assert {"adapter.gguf", "adapter_model.safetensors", "adapter_config.json", "report.md"} <= set(exported["sha256"])


def check_the_stable_interface(report):
    assert Report.model_validate(report).schema_version == 1
    assert report["data"]["origins"]["written"] == 8
    assert report["training"]["tokens_per_second"] > 0
    assert report["training"]["seconds"] > 0
    likelihood = report["evaluation"]["likelihood"]
    for contestant in ("base", "base_prompt", "adapter"):
        figures = likelihood[contestant]
        assert figures["perplexity"] > 1
        assert figures["nll_per_token"] > 0
        assert figures["n_lines"] == likelihood["base"]["n_lines"] > 4
        assert figures["n_tokens"] == likelihood["base"]["n_tokens"] > 40
    difference = likelihood["adapter_vs_base_prompt"]
    assert difference["ci_low"] <= difference["difference"] <= difference["ci_high"]
    for reply in report["evaluation"]["replies"]:
        assert all(reply[contestant] for contestant in ("base", "base_prompt", "adapter"))
    assert report["timings"]["total_seconds"] == pytest.approx(sum(report["timings"]["stages"].values()))
    assert {"roletune", "python", "torch"} <= set(report["versions"])
    assert report["peak_memory_bytes"] > 100e6


def assert_nothing_tells_of_this_machine(folder):
    kinds = {".json", ".jsonl", ".html", ".md"}
    files = [path for path in (folder / "build").rglob("*") if path.is_file() and path.suffix in kinds]
    assert len(files) > 20
    assert not [path.name for path in files if str(folder.parent) in path.read_text("utf-8")]


def calls(capsys, folder):
    return sum(row["calls"] for row in json.loads(roletune(capsys, "cost", folder, "--json").out))
