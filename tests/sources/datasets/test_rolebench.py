import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.records import Profile
from roletune.sources.cited import Cited
from roletune.sources.datasets.rolebench import read_rolebench
from roletune.sources.dialogues import dialogues_of
from roletune.sources.splits import SplitSettings

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "rolebench"
shared = pytest.mark.skipif(not DATA.is_dir(), reason="RoleBench is not part of the repository; ../shared/data has it")
ENGLISH = DATA / "eng" / "instruction-generalization.role_specific.test.jsonl"
CHINESE = DATA / "zh" / "role_specific.train.jsonl"


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


def row(role="Dr. Frank-N-Furter", question=" Tea? ", generated=(" Always. ", "Never.", "Always."), **more):
    return {"role": role, "question": question, "generated": list(generated), **more}


def said(reading):
    return [[(turn.speaker, turn.text) for turn in scene.turns] for scene in reading.scenes]


def test_every_different_answer_is_a_scene_of_the_question():
    reading = read_rolebench(lines(row("A")), "a.jsonl")
    assert said(reading) == [[("user", "Tea?"), ("A", "Always.")], [("user", "Tea?"), ("A", "Never.")]]
    assert ({scene.title for scene in reading.scenes}, reading.title, reading.unread) == ({"Tea?"}, "A", ())


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("script_based", ["script_based", "script_based"]),
        (["script_based", "script_agnostic"], ["script_based", "script_agnostic"]),
        (["script_based"], ["script_based", "script_based"]),
    ],
)
def test_the_type_may_be_one_word_or_one_an_answer(kind, headers):
    scenes = read_rolebench(lines(row(generated=["a", "b"], type=kind)), "a").scenes
    assert [scene.headers["answers"] for scene in scenes] == headers


def test_one_role_is_picked_however_it_is_spelled_and_the_rest_counted():
    data = lines(row(), row("John Doe"), row("dr frank n furter"), row("Ann"))
    reading = read_rolebench(data, "a", role="Dr. Frank N Furter")
    assert {turn.speaker for scene in reading.scenes for turn in scene.turns} == {
        "user",
        "Dr. Frank-N-Furter",
        "dr frank n furter",
    }
    assert reading.notices == ("2 rows of 2 other roles were left out.",)


def test_a_role_that_is_not_there_is_an_error_that_names_close_ones():
    with pytest.raises(SourceError, match=r"a has no role 'Jon Do'\. Did you mean John Doe\?"):
        read_rolebench(lines(row("John Doe"), row("Xerxes")), "a", role="Jon Do")


def test_descriptions_of_roles_are_paragraphs_under_their_names():
    data = lines({"Ann": "She is kind.", "Bo": "He is not."})
    reading = read_rolebench(data, "desc.json")
    assert [(p.heading, p.text) for p in reading.paragraphs] == [("Ann", "She is kind."), ("Bo", "He is not.")]
    assert [p.text for p in read_rolebench(data, "desc.json", role="bo").paragraphs] == ["He is not."]


def test_what_is_no_answered_question_is_unread_with_its_reason():
    rows = ({"instruction": "Ann, tea?"}, row("Ann", generated=[]), {"role": "Ann"}, {"a": 1}, 7, row("Bo"))
    reading = read_rolebench(lines(*rows), "a")
    assert [(line.number, line.reason) for line in reading.unread] == [
        (1, "a question to no role"),
        (2, "a question without an answer"),
        (3, "there is no question in it"),
        (4, "there is no question in it"),
        (5, "no row of RoleBench"),
    ]
    assert len(reading.scenes) == 2


def test_answers_to_one_question_share_a_split_whatever_role_gives_them():
    rows = [row(role, f"{role}?" if k % 2 else f"Number {k}?") for k in range(20) for role in ("Ann", "Bo")]
    splits = {}
    for name in ("Ann", "Bo"):
        reading = read_rolebench(lines(*rows), "a", role=name)
        for made in dialogues_of(reading, Cited("a", "authentic"), Profile(name=name), SplitSettings()).dialogues:
            splits.setdefault(made.scene.title, set()).add(made.split)
    assert len(splits) == 12
    assert all(len(each) == 1 for each in splits.values())


VALUES = st.recursive(
    st.none() | st.integers() | st.sampled_from(["", "Ann", "Tea?"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "question", "generated", "type", "Ann"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(VALUES, min_size=2, max_size=4))
def test_any_rows_are_read(rows):
    reading = read_rolebench(lines(*rows), "a.jsonl")
    assert all(turn.text and turn.speaker for scene in reading.scenes for turn in scene.turns)


@shared
def test_every_answer_of_rolebench_in_english_is_a_scene():
    reading = read_rolebench(ENGLISH.read_bytes(), ENGLISH.name)
    rows = [json.loads(line) for line in ENGLISH.read_text("utf-8").splitlines()]
    assert len(rows) == 4750
    answers = Counter(
        (r["role"], r["question"].strip(), a.strip()) for r in rows for a in dict.fromkeys(r["generated"])
    )
    assert Counter((s.turns[1].speaker, s.turns[0].text, s.turns[1].text) for s in reading.scenes) == answers
    assert (len({role for role, _, _ in answers}), reading.unread) == (95, ())


@shared
def test_one_role_of_rolebench_in_chinese_is_read_whole():
    rows = [json.loads(line) for line in CHINESE.read_text("utf-8").splitlines()]
    reading = read_rolebench(CHINESE.read_bytes(), CHINESE.name, role="孙悟空")
    wanted = [r for r in rows if r["role"] == "孙悟空"]
    assert (len(rows), len(reading.scenes)) == (1535, sum(len(set(r["generated"])) for r in wanted))
    assert reading.notices == (f"{1535 - len(wanted):,} rows of 4 other roles were left out.",)
    assert {turn.speaker for scene in reading.scenes for turn in scene.turns} == {"user", "孙悟空"}
