import json

import pytest

from .terminal import roletune


@pytest.fixture
def files(tmp_path):
    """Answers, references and a training file of three roles."""
    questions = [(f"Role {k % 3}", f"Question {k}?") for k in range(12)]
    for name, text in {"answers": "I say {k} and then nothing more of it", "test": "I say {k} and no more"}.items():
        lines = [
            json.dumps({"role": role, "question": question, "generated": [text.format(k=k)], "type": ["script_based"]})
            for k, (role, question) in enumerate(questions)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
    return tmp_path / "answers.jsonl", tmp_path / "test.jsonl"


def test_the_table_has_recall_f1_the_floor_and_the_controls(capsys, files):
    done = roletune(capsys, "rolebench", files[0], "--references", files[1], "--train", files[1])
    assert done.code == 0, done.err
    for part in ("RoleBench SPE, en: 12 answers of 3 roles", "script_based 12", "others' (floor)", "cut to length"):
        assert part in done.out
    assert "12 of 12 test pairs are in training" in done.out
    assert "1.50 times as long" in done.out


def test_json_has_every_figure_with_its_interval_and_n(capsys, files):
    done = roletune(capsys, "rolebench", files[0], "--references", files[1], "--json")
    found = json.loads(done.out)
    assert found["recall"]["low"] <= found["recall"]["value"] <= found["recall"]["high"]
    assert found["padded"]["f1_change"]["n"] == 12
    assert found["split"] is None


def test_a_file_that_is_not_there_is_one_message(capsys, files):
    done = roletune(capsys, "rolebench", "absent.jsonl", "--references", files[1])
    assert done.code == 1
    assert "Traceback" not in done.err
    assert "role, question and generated" in done.err
