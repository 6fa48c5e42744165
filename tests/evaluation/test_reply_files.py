import json

import pytest

from roletune.errors import EvaluationError
from roletune.evaluation.reply_files import read_labels, read_reply_file, read_reply_files


def written(folder, name, value, lines=False):
    path = folder / name
    path.write_text("\n".join(map(json.dumps, value)) if lines else json.dumps(value), "utf-8")
    return path


def test_a_reply_is_text_a_turn_or_several_and_may_never_have_come(tmp_path):
    replies = ["Bonn.", {"content": "Bonn."}, [{"content": "Hm."}, {"content": "Bonn."}], None]
    entries = [{"question": "Where?", "reply": reply, "topic_id": 4} for reply in replies]
    found = read_reply_file(written(tmp_path, "Ludwig.sft.single.json", entries))
    assert (found.character, found.model, found.replies[0].topic) == ("Ludwig", "sft", "4")
    assert [reply.reply for reply in found.replies] == ["Bonn.", "Bonn.", "Hm.\nBonn.", None]
    assert len(found.keyed()) == 4  # a question that is asked again is another item


def test_talks_are_left_out_and_counted(tmp_path):
    entries = [{"content": [], "topic": 1}, {"question": "Q", "reply": "A"}]
    found = read_reply_file(written(tmp_path, "Ludwig.sft.jsonl", entries, lines=True))
    assert (found.talks, [reply.line for reply in found.replies]) == (1, [1])


@pytest.mark.parametrize(
    ("name", "value"),
    [("Ludwig.json", []), ("Ludwig.sft.json", {}), ("Ludwig.sft.json", [{"question": 1, "reply": ""}])],
)
def test_another_shape_is_told(tmp_path, name, value):
    with pytest.raises(EvaluationError, match=r"docs/compare\.md"):
        read_reply_file(written(tmp_path, name, value))
    (tmp_path / "none").mkdir()
    with pytest.raises(EvaluationError, match="holds no replies"):
        read_reply_files(tmp_path / "none")


def test_labels_by_hand(tmp_path):
    path = tmp_path / "labels.yaml"
    path.write_text("characters: {Ludwig: {known: [car], sft: {3: likely leak, 4: held}}}", "utf-8")
    found = read_labels(path)
    assert (found.leaks[("Ludwig", "sft")], found.known) == ({3: True, 4: False}, {"Ludwig": ("car",)})
    path.write_text("- no labels", "utf-8")
    with pytest.raises(EvaluationError, match="holds no labels"):
        read_labels(path)
