"""Runs and files of replies, found and put side by side."""

import json
import re
from pathlib import Path

import pytest
from tests.character import make_character
from tests.evaluation import invented
from typer.testing import CliRunner

from roletune.cli import app
from roletune.engine.store import write_json, write_text
from roletune.errors import EvaluationError
from roletune.evaluation.compare_page import render_words
from roletune.evaluation.reply_files import read_labels
from roletune.verbs.compare import Wishes, compare
from roletune.verbs.runs import keep_with_run, point_at

ROOT = Path(__file__).parents[2]
REPLIES = ROOT.parent / "shared" / "data" / "character-llm" / "replies"


def trained(folder, run, **recipe):
    build = folder / "build"
    adapter = invented.adapter().model_copy(update={"run": run, "recipe": recipe})
    write_json(build / "runs" / run / "adapter.json", adapter)
    (build / "runs" / run / "adapter_model.safetensors").write_bytes(run.encode())
    point_at(build, build / "runs" / run)


def measured(folder, better=0.0):
    evaluation = invented.evaluation()
    lines = [line.model_copy(update={"adapter": line.adapter - better}) for line in evaluation.likelihood.lines]
    likelihood = evaluation.likelihood.model_copy(update={"lines": tuple(lines)})
    write_json(folder / "build" / "evaluation.json", evaluation.model_copy(update={"likelihood": likelihood}))
    keep_with_run(folder / "build", ["evaluation.json", "suites/never-run.json"])


@pytest.fixture
def folder(tmp_path):
    folder = make_character(tmp_path / "mira")
    trained(folder, "aaaa1111", rank=4)
    measured(folder)
    trained(folder, "bbbb2222", rank=8)
    measured(folder, better=3.0)
    return folder


def test_runs_are_compared_by_what_was_kept_beside_them(folder):
    found = compare([str(folder)], Wishes(resamples=200))
    assert [entrant.settings for entrant in found.entrants] == [{"rank": "4"}, {"rank": "8"}]
    difference = next(row for row in found.differences if row.figure.startswith("nats"))
    assert (difference.direction, difference.n) == ("better", len(invented.evaluation().likelihood.lines))
    assert compare(["aaaa", f"{folder}@bbbb"], Wishes(home=folder, resamples=200)).figures == found.figures


def test_a_run_alone_has_its_contestants_compared(folder):
    found = compare([f"{folder}@aaaa"], Wishes(resamples=200, against="JARVIS base_prompt"))
    assert [entrant.name for entrant in found.entrants] == ["JARVIS base", "JARVIS base_prompt", "JARVIS adapter"]


def test_a_run_that_was_not_measured_is_told_with_the_cure(folder):
    trained(folder, "cccc3333", rank=16)
    found = compare([str(folder)], Wishes(resamples=200))
    assert found.notes == (
        f"cccc3333 was not measured: roletune use cccc3333 {folder}, then roletune evaluate {folder}",
    )
    with pytest.raises(EvaluationError, match="cccc3333 was not measured"):
        compare([f"{folder}@cccc"], Wishes())
    with pytest.raises(EvaluationError, match="no run begins with 'dddd'"):
        compare(["dddd"], Wishes(home=folder))


def test_what_another_roletune_measured_is_left_out_with_the_cure_and_the_rest_is_compared(folder):
    suite = folder / "build/runs/bbbb2222/measured/suites/boundary.json"
    write_text(suite, "{}")
    found = compare([str(folder)], Wishes(resamples=200))
    assert len(found.entrants) == 2
    (note,) = found.notes
    assert note.startswith(f"{suite} was written by another roletune.")
    assert note.endswith(f"roletune use bbbb2222 {folder}, then roletune evaluate {folder} --with boundary --again")
    write_text(folder / "build/runs/bbbb2222/measured/evaluation.json", "{}")
    assert len(compare([str(folder)], Wishes(resamples=200)).entrants) == 3  # the contestants of the only run left
    with pytest.raises(EvaluationError, match=r"evaluation\.json was written by another roletune"):
        compare([f"{folder}@bbbb"], Wishes())


def test_probes_are_compared_by_their_items_and_what_is_unscored_is_counted(folder):
    for run, lost in (("aaaa1111", 30), ("bbbb2222", 6)):
        suites = folder / "build/runs" / run / "measured/suites"
        found = invented.capability(lost)
        answers = [one.model_copy(update={"text": one.question}) for one in found.answers]
        answers[59] = answers[59].model_copy(update={"chosen": answers[59].chosen | {"adapter": None}})
        write_json(suites / "capability.json", found.model_copy(update={"answers": tuple(answers)}))
    found = compare([str(folder)], Wishes(resamples=200))
    row = next(row for row in found.differences if row.figure == "questions of knowledge answered right")
    assert (row.difference, row.n, row.direction) == (pytest.approx(24 / 59), 59, "better")
    figure = next(one for one in found.figures if one.figure == row.figure)
    assert set(figure.unscored.values()) == {1}


def test_the_command_writes_a_page_the_records_and_a_table(folder, tmp_path):
    told = CliRunner().invoke(app, ["compare", str(folder), "--out", str(tmp_path / "out")])
    assert told.exit_code == 0, told.output
    assert "better in nats per token" in " ".join(told.output.split())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"compare.html", "compare.json", "compare.csv"}
    told = CliRunner().invoke(app, ["compare", str(folder), "--json"])
    assert json.loads(told.stdout)["schema_version"] == 1


@pytest.mark.skipif(not REPLIES.is_dir(), reason="the replies are not there")
def test_on_real_replies_trained_agents_leak_more_than_a_prompted_model():
    labels = read_labels(ROOT / "tests" / "data" / "leak_labels.yaml")
    found = compare([str(REPLIES)], Wishes(against="chatgpt", labels=labels, resamples=300))
    leaks = next(figure for figure in found.figures if figure.figure == "leaks, by hand")
    assert {name: round(rate.value * rate.n) for name, rate in leaks.estimates.items()} == {
        "sft": 16,
        "chatgpt": 8,
        "alpaca-7b": 24,
        "vicuna-7b": 26,
    }
    told = " ".join(render_words(found))
    worse = {row.figure for row in found.differences if row.entrant == "sft" and row.direction == "worse"}
    assert {"leaks, by hand", "leaks, by expressions"} <= worse
    assert "sft leaks more than chatgpt: 16 of 30 replies counted by hand, against 8 of 30 (+27 points" in told
    assert "against 120 labels by hand: precision 100% (73 of 73," in " ".join(found.notes)
    assert any(
        "sft against chatgpt:" in line and re.search(r"[Ww]orse in [^;:]*leaks, by hand \(53", line)
        for line in render_words(found)
    )
    assert all(figure.estimates["sft"].n <= 545 for figure in found.figures)
