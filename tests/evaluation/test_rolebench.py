import json
from pathlib import Path

import pytest

from roletune.errors import EvaluationError
from roletune.evaluation.rolebench import rouge_l_recall, score_rolebench
from roletune.evaluation.rolebench_files import Item, Joined, join, read_rows
from roletune.evaluation.rolebench_splits import audit_splits

DATA = Path(__file__).parents[3] / "shared" / "data" / "rolebench"
ENGLISH = DATA / "eng" / "instruction-generalization.role_specific"
real = pytest.mark.skipif(not DATA.is_dir(), reason="RoleBench's files are not there")


def rows(path, *values):
    path.write_text("\n".join(value if isinstance(value, str) else json.dumps(value) for value in values), "utf-8")
    return read_rows(path)


def row(role, question, *answers, **more):
    return {"role": role, "question": question, "generated": list(answers), **more}


@pytest.fixture(scope="module")
def english():
    files = [read_rows(Path(f"{ENGLISH}.{name}.jsonl")) for name in ("rolegpt_baseline", "test")]
    return score_rolebench(join(*files), files[1].metric)


@real
def test_the_published_english_number_comes_out(english):
    assert (english.metric, english.language, english.n, english.roles) == ("SPE", "en", 4750, 95)
    assert english.recall.value == pytest.approx(0.3229, abs=0.001)
    assert english.f1.value == pytest.approx(0.2884, abs=0.001)
    assert english.recall.low < 0.3229 < english.recall.high
    assert english.recall.drawn == 95
    assert sum(recall.n for recall, _ in english.by_kind.values()) == 4750


@real
def test_the_floor_is_what_any_answer_scores(english):
    assert english.floor.recall.value == pytest.approx(0.18, abs=0.005)


@real
def test_padding_raises_recall_lowers_f1_and_is_flagged(english):
    assert english.padded.recall.value == pytest.approx(0.3796, abs=0.003)
    assert english.padded.recall_change.low > 0 > english.padded.f1_change.high
    assert any("irrelevant answer appended" in flag for flag in english.flags)
    assert any("1.27 times as long" in flag for flag in english.flags)


@real
def test_the_published_chinese_number_comes_out():
    test = read_rows(DATA / "zh" / "role_specific.test.jsonl")
    joined = join(read_rows(DATA / "zh" / "role_specific.rolegpt_baseline.jsonl"), test)
    found = score_rolebench(joined, test.metric)
    assert (found.language, found.n, found.roles, found.drawn_by) == ("zh", 239, 5, "questions")
    assert found.recall.value == pytest.approx(0.2478, abs=0.001)
    assert found.padded.recall_change.low > 0 > found.padded.f1_change.high
    with pytest.raises(EvaluationError, match="--language zh"):
        score_rolebench(joined, test.metric, "en")


@real
def test_the_shipped_chinese_split_shares_its_roles_and_seven_pairs():
    zh = DATA / "zh"
    audit = audit_splits(read_rows(zh / "role_specific.train.jsonl"), read_rows(zh / "role_specific.test.jsonl"))
    assert (audit.roles, len(audit.shared_roles)) == (5, 5)
    assert (audit.pairs, audit.shared_pairs, audit.kind) == (239, 7, "leaking")


def test_every_shape_of_a_row_is_read_and_what_is_none_is_named(tmp_path):
    found = rows(
        tmp_path / "a.jsonl",
        "\ufeff" + json.dumps(row("Hal", " Why?", "a", "b", "c", "d", "e", type="script_based")),
        row("Hal", "How?", "a", type=["script_agnostic"]),
        {"role": "Hal", "question": "Who?", "generated": "one\u2028line"},
        "",
        "{broken",
        row("Hal", "Why? ", "again"),
        row("Hal", "Nothing?"),
    )
    assert [(each.question.strip(), len(each.answers), each.kind) for each in found.rows] == [
        ("Why?", 5, "script_based"),
        ("How?", 1, "script_agnostic"),
        ("Who?", 1, ""),
        ("Why?", 1, ""),
    ]
    assert found.unread == (5, 7)
    assert found.repeated == 1


def test_the_metric_follows_from_the_references(tmp_path):
    assert rows(tmp_path / "s", row("Hal", "Q", "a", type="script_based")).metric == "SPE"
    assert rows(tmp_path / "c", row("Hal", "Q", "a")).metric == "CUS"
    assert rows(tmp_path / "r", {"instruction": "Q", "answer": "a"}).metric == "RAW"


def test_answers_find_their_references_by_role_and_question_in_any_order(tmp_path):
    references = rows(
        tmp_path / "r",
        row("D_Artagnan", " Why?", "r1"),
        row("Hal", "Why?", "r2"),
        row("Hal", "Why?", "r3"),
        row("Hal", "Never asked?", "r4"),
    )
    predictions = rows(
        tmp_path / "p",
        row("Hal", "Why? ", "p2", "another"),
        row("d'Artagnan", "Why?", "p1"),
        row("Hal", "Why?", "p3"),
        row("Eve", "Why?", "p5"),
    )
    joined = join(predictions, references)
    assert [(item.answer, item.references) for item in joined.items] == [
        ("p1", ("r1",)),
        ("p2", ("r2",)),
        ("p3", ("r3",)),
    ]
    assert (joined.unscored, joined.strange, joined.several) == (1, 1, 1)


def test_original_answers_are_joined_by_the_question_alone(tmp_path):
    references = rows(
        tmp_path / "r", {"instruction": "Add 1 and 1.", "answer": "2"}, {"instruction": "Q", "answer": "x"}
    )
    predictions = rows(tmp_path / "p", row("Hal", "Add 1 and 1.", "Two, Dave."), row("Eve", "Add 1 and 1.", "2"))
    joined = join(predictions, references)
    assert [(item.role, item.references) for item in joined.items] == [("Hal", ("2",)), ("Eve", ("2",))]
    assert joined.unscored == 1


def test_files_that_do_not_belong_together_are_an_error_that_shows_both(tmp_path):
    with pytest.raises(EvaluationError, match=r"Hal: 'Why\?' and Eve: 'How\?'"):
        join(rows(tmp_path / "p", row("Hal", "Why?", "a")), rows(tmp_path / "r", row("Eve", "How?", "a")))
    with pytest.raises(EvaluationError, match="can't be read"):
        read_rows(tmp_path / "absent.jsonl")


def item(k, answer, reference):
    return Item(f"role {k % 3}", f"question {k}", "", answer, (reference,))


def test_an_empty_answer_scores_zero_and_a_missing_one_is_unscored():
    items = (item(0, "", "a b"), item(1, "a b", "a b"), item(2, "x y", "a b"), item(3, "a b", "a b"))
    found = score_rolebench(Joined(items, unscored=2, strange=0, several=0), "CUS")
    assert found.recall.value == pytest.approx(0.5)
    assert (found.recall.n, found.empty, found.unscored) == (4, 1, 2)
    assert any("2 references have no answer" in flag for flag in found.flags)


def test_answers_that_are_no_better_than_anybodys_are_flagged():
    items = tuple(item(k, "I can not say that", f"secret {k} I say") for k in range(12))
    found = score_rolebench(Joined(items, 0, 0, 0), "CUS")
    assert any("not clearly above the floor" in flag for flag in found.flags)


def test_the_same_seed_gives_the_same_report():
    items = tuple(item(k, f"word {k} and {k % 4}", f"word {k % 5} or {k}") for k in range(9))
    joined = Joined(items, 0, 0, 0)
    assert score_rolebench(joined, "CUS", seed=3) == score_rolebench(joined, "CUS", seed=3)
    assert score_rolebench(joined, "CUS", seed=3).floor != score_rolebench(joined, "CUS", seed=4).floor


def test_what_a_split_shares_says_what_it_can_test(tmp_path):
    test = rows(tmp_path / "test", row("Hal", " Q1", "a"), row("Hal", "Q2", "a"))
    seen = rows(tmp_path / "a", row("Eve", "Q1", "a"), row("HAL", "Q3", "a"))
    audit = audit_splits(seen, test)
    assert (audit.shared_roles, audit.shared_questions, audit.questions, audit.shared_pairs) == (("Hal",), 1, 2, 0)
    assert audit.kind == "unseen pairs"
    assert audit_splits(rows(tmp_path / "b", row("Eve", "Q1", "a")), test).kind == "unseen roles"
    assert audit_splits(rows(tmp_path / "c", row("Hal", "Q9", "a")), test).kind == "unseen instructions"
    assert audit_splits(rows(tmp_path / "d", row("hal", "Q2 ", "a")), test).kind == "leaking"


def test_the_recall_is_reached_under_its_public_name():
    assert rouge_l_recall("a b", ["a c"]) == 0.5
