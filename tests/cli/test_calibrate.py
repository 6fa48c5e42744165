"""`roletune calibrate` from the file of a suite to figures, and the sheet that people fill in."""

import json

import pytest
from tests.evaluation.judging.test_calibration import HUMAN, judged

from .terminal import roletune


@pytest.fixture
def files(tmp_path):
    (tmp_path / "interview.json").write_text(judged(lambda k, human, n: 4).model_dump_json(), "utf-8")
    rows = [f"i{k},values,{score}" for k, score in enumerate(HUMAN)]
    (tmp_path / "human.csv").write_text("\n".join(["item,dimension,score", *rows]), "utf-8")
    return tmp_path


def test_a_judge_that_always_says_the_same_ranks_nobody(files, capsys):
    end = roletune(capsys, "calibrate", files / "interview.json", files / "human.csv")
    assert end.code == 0
    assert "Nobody is ranked by sage in values: it always gives 4." in " ".join(end.out.split())
    end = roletune(capsys, "calibrate", files / "interview.json", files / "human.csv", "--json")
    rows = json.loads(end.out)["agreement"]
    assert [(row["dimension"], row["usable"], row["pearson"]) for row in rows] == [
        ("values", False, None),
        ("all", False, None),
    ]


def test_a_sheet_is_written_once_and_never_over_somebody_s_scores(files, capsys):
    end = roletune(capsys, "calibrate", files / "interview.json", "--sheet", files / "sheet.csv")
    assert (end.code, (files / "sheet.csv").read_text("utf-8").splitlines()[0]) == (0, "item,dimension,score,interview")
    end = roletune(capsys, "calibrate", files / "interview.json", "--sheet", files / "human.csv")
    assert (end.code, "may hold somebody's scores" in end.err) == (1, True)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "\xff"])
def test_a_file_that_holds_no_interviews_is_told_so(files, capsys, text):
    (files / "interview.json").write_bytes(text.encode("latin-1"))
    end = roletune(capsys, "calibrate", files / "interview.json", files / "human.csv")
    assert (end.code, "holds no interviews" in end.err, "Traceback" in end.err) == (1, True, False)


def test_one_of_both_has_to_be_given(files, capsys):
    assert roletune(capsys, "calibrate", files / "interview.json").code == 2
    assert roletune(capsys, "calibrate", files / "no.json", files / "human.csv").code == 1
