"""The suite `interview` from question to report, with scripted contestants, interviewer and judges."""

import asyncio
import json
import re

import pytest
from tests.character import make_character

from roletune import pipeline
from roletune.engine.progress import SilentProgress
from roletune.engine.store import write_records, write_text
from roletune.errors import BudgetError, EndpointError, EvaluationError, ProjectError, RefusedError
from roletune.evaluation.judging.human import human_sheet
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.records import Interviews
from roletune.verbs.interview import FILE, STAGE
from roletune.verbs.profile import read_profile
from roletune.verbs.report import suites
from roletune.workbench import open_workbench

QUESTIONS = "".join(f"- {{id: q{k}, topic: topic {k % 2}, text: 'What is herring {k}?'}}\n" for k in range(7))
SCORED = '{"steps": ["It says so."], "score": 4}'
GOOD, BAD = "A fish, dear, and winded tea.", "As an assistant, I can help with many things today."


@pytest.fixture
def folder(tmp_path):
    folder = make_character(tmp_path / "mira", interview={"talks": 2, "rounds": 3, "resamples": 200})
    return prepared(folder)


def prepared(folder):
    write_text(folder / "interview.yaml", QUESTIONS)
    write_text(folder / "build" / "adapter" / "adapter_model.safetensors", "weights")
    write_records(folder / "build" / "profile.jsonl", [read_profile(Project.open(folder))])
    return folder


def saying(text):
    return ScriptedModel(lambda _: text, identity=text)


def judge(score=lambda asked: 6 if "dear" in asked else 2, name="sage"):
    """Scores by what is in the replies, finds the assistant's words, prefers the dear one."""

    def answer(request):
        asked = request.messages[-1]["content"]
        if "List the flaws" in asked:
            quotes = [*re.findall("As an assistant", asked)[:1], "words that nobody said"]
            return json.dumps({"flaws": [{"kind": "out_of_role", "quote": quote, "why": "."} for quote in quotes]})
        if "the decision" in asked:
            first, second = asked.index("The first answer"), asked.index("The second answer")
            dear = asked.index("dear", first)
            return json.dumps({"steps": ["."], "better": "first" if dear < second else "second"})
        return json.dumps({"steps": ["It says so."], "score": score(asked)})

    return ScriptedModel(answer, name=name, identity=name)


def hold(folder, then=lambda bench: None, **models):
    lines = []

    class Heard(SilentProgress):
        def say(self, message, style=""):
            lines.append(message)

    async def session():
        async with open_workbench(Project.open(folder), Heard(), models) as bench:
            said = await STAGE.make(bench)
            return said, then(bench)

    said, value = asyncio.run(session())
    return said, lines, value


def contestants():
    return {"base": saying(BAD), "character": saying(GOOD), "interviewer": saying("And why is that?")}


def found(folder):
    return Interviews.model_validate_json((folder / "build" / FILE).read_text("utf-8"))


def test_scores_differences_flaws_and_pairs_are_those_the_judge_gave(folder):
    said, _, _ = hold(folder, **contestants(), judge=judge())
    report = found(folder).report
    means = {(row.form, row.dimension, row.contestant): row.mean for row in report.scores}
    assert means["single", "values", "adapter"] == 6
    assert means["single", "values", "base_prompt"] == 2
    assert means["multi", "stability", "adapter"] == 6
    assert ("single", "stability", "adapter") not in means
    assert {row.difference for row in report.differences} == {4}
    assert {row.clear for row in report.differences if row.form == "single"} == {True}
    assert {row.clear for row in report.differences if row.form == "multi"} == {False}  # two talks prove nothing
    assert {row.trust for row in report.differences} == {"uncalibrated"}
    flawed = {row.contestant: row for row in report.flaws}
    assert (flawed["base_prompt"].flawed.count, flawed["adapter"].flawed.count) == (9, 0)
    assert flawed["adapter"].unfounded == 9
    (duel,) = report.pairs.duels
    assert (duel.a, duel.wins_a, duel.wins_b, report.pairs.flipped.count) == ("adapter", 7, 0, 0)
    assert report.pairs.standings[0].name == "adapter"
    assert "unscored: nothing;" in said


def test_every_item_keeps_the_raw_answers_and_which_passages_the_judge_was_given(folder):
    hold(folder, **contestants(), judge=judge())
    passages = {passage.id for passage in read_profile(Project.open(folder)).passages}
    talk = next(item for item in found(folder).items if item.form == "multi" and item.contestant == "adapter")
    assert [turn.question for turn in talk.turns] == ["What is herring 0?", "And why is that?", "And why is that?"]
    assert json.loads(talk.scores[0].raw[0])["score"] == talk.scores[0].score == 6
    assert set(talk.scores[0].evidence) <= passages
    assert talk.scores[0].evidence  # "tea" is in the profile


def test_the_cost_is_told_before_the_first_call_and_again_with_what_is_remembered(folder):
    sage = judge()
    _, lines, _ = hold(folder, **contestants(), judge=sage)
    # 14 replies x (4 scores + flaws), 4 talks x (5 scores + flaws), 7 pairs x 2 orders
    assert any("108 calls, 0 of them remembered" in line for line in lines)
    assert len(sage.requests) < 108 + 1
    again = judge()
    _, lines, _ = hold(folder, **contestants(), judge=again)
    assert any("108 calls, 108 of them remembered" in line for line in lines)
    assert again.requests == []


def test_more_calls_than_allowed_are_refused_before_the_first_one(folder):
    make_character(folder, interview={"talks": 0, "max_calls": 80})
    sage = judge()
    with pytest.raises(EvaluationError, match=r"84 times.*interview\.max_calls is 80"):
        hold(folder, **contestants(), judge=sage)
    assert sage.requests == []


def test_without_a_judge_the_replies_are_kept_and_the_two_lines_named(folder):
    base, adapted = saying(BAD), saying(GOOD)
    said, lines, _ = hold(folder, base=base, character=adapted)
    assert any("models:\n  judge: {url:" in line for line in lines)
    assert "nothing is judged yet" in said
    kept = found(folder)
    assert (kept.report.judges, kept.report.scores, len(kept.items)) == ((), (), 14)
    assert {item.turns[0].reply for item in kept.items} == {GOOD, BAD}
    asked = len(adapted.requests)
    hold(folder, base=base, character=adapted, judge=judge())
    assert found(folder).report.judges == ("sage",)
    assert len(adapted.requests) == asked + 4  # the judge is the interviewer too; single replies are remembered


def test_an_answer_that_can_t_be_read_is_asked_for_again_and_then_unscored(folder):
    def babble(request):
        return "I would say seven out of seven."

    said, _, _ = hold(folder, **contestants(), judge=ScriptedModel(babble, name="babbler", identity="babbler"))
    kept = found(folder)
    score = kept.items[0].scores[0]
    assert (score.score, len(score.raw), score.reason) == (None, 3, "no JSON object with steps, score")
    assert {(row.mean, row.n) for row in kept.report.scores} == {(None, 0)}
    assert sum(row.unscored for row in kept.report.scores) == 14 * 4 + 4 * 5
    assert kept.report.differences == ()
    assert kept.report.pairs.unscored == 7
    assert {row.unread for row in kept.report.flaws} == {9}
    assert "unscored: 76 of 76 scores of babbler;" in said


def test_a_judge_that_is_gone_stops_the_suite_and_what_it_said_is_remembered(folder):
    calls = []

    def fails(request):
        calls.append(request)
        return EndpointError("gone") if len(calls) > 60 else json.dumps({"steps": ["."], "score": 4})

    with pytest.raises(EndpointError, match="gone"):
        hold(folder, **contestants(), judge=ScriptedModel(fails, name="sage", identity="sage"))
    again = judge()
    _, lines, _ = hold(folder, **contestants(), judge=again)
    told = next(line for line in lines if "of them remembered" in line)
    assert 0 < int(re.search(r"(\d+) of them remembered", told)[1]) < 108


def test_a_call_that_is_refused_is_unscored_and_the_others_count(folder):
    def refuses(request):
        asked = request.messages[-1]["content"]
        return RefusedError("content filter") if "herring 3" in asked and "the score" in asked else SCORED

    hold(folder, **contestants(), judge=ScriptedModel(refuses, name="sage", identity="coy sage"))
    rows = [row for row in found(folder).report.scores if row.form == "single"]
    assert {(row.n, row.unscored) for row in rows} == {(6, 1)}
    scores = [score for item in found(folder).items if item.question == "q3" for score in item.scores]
    assert {score.reason for score in scores} == {"content filter"}


def test_a_budget_that_is_spent_stops_the_talks_and_the_judges(folder):
    broke = ScriptedModel(lambda _: BudgetError("spent"), name="broke", identity="broke")
    with pytest.raises(BudgetError):
        hold(folder, **{**contestants(), "interviewer": broke}, judge=judge())
    with pytest.raises(BudgetError):
        hold(folder, **contestants(), judge=broke)


def test_a_talk_that_breaks_off_is_counted_and_in_no_mean(folder):
    models = {**contestants(), "interviewer": ScriptedModel(lambda _: RefusedError("not that"), identity="coy")}
    hold(folder, **models, judge=judge())
    report = found(folder).report
    assert report.failed == {"base_prompt": 2, "adapter": 2}
    assert {row.n for row in report.scores if row.form == "multi"} == {0}


def test_human_scores_in_the_folder_calibrate_the_judge(folder):
    hold(folder, **contestants(), judge=judge())
    sheet = human_sheet(found(folder).items)
    rows = [line for line in sheet.splitlines() if re.match(r"\w{16},", line)]
    by_id = {item.id: item for item in found(folder).items}
    scores = [
        f"{key},{dimension},{6 if 'dear' in by_id[key].turns[0].reply else 2}"
        for key, dimension in (row.split(",")[:2] for row in rows)
    ]
    write_text(folder / "human.csv", "item,dimension,score\n" + "\n".join(scores))
    hold(folder, **contestants(), judge=judge())
    report = found(folder).report
    assert {row.trust for row in report.differences if row.form == "single"} == {"calibrated"}
    assert next(row for row in report.calibration.agreement if row.dimension == "all").pearson == pytest.approx(1)


def test_several_judges_each_score_and_their_mean_counts_once(folder):
    hold(folder, **contestants(), judge=judge(), judge2=judge(lambda _: 4, "owl"))
    kept = found(folder)
    assert kept.report.judges == ("sage", "owl")
    means = {row.contestant: (row.mean, row.n) for row in kept.report.scores if row.dimension == "personality"}
    assert means == {"adapter": (5, 2), "base_prompt": (3, 2)}
    with pytest.raises(ProjectError, match="two judges are the same model"):
        hold(folder, **contestants(), judge=judge(), judge2=judge())


def test_the_report_shows_the_interviews_of_these_weights_only(folder):
    _, _, shown = hold(folder, lambda bench: suites(bench).interview, **contestants(), judge=judge())
    assert shown == found(folder).report
    stale = found(folder).model_copy(update={"report": shown.model_copy(update={"adapter": "of others"})})
    write_text(folder / "build" / FILE, stale.model_dump_json())

    async def look():
        async with open_workbench(Project.open(folder), SilentProgress()) as bench:
            return suites(bench).interview

    assert asyncio.run(look()) is None


def test_a_character_without_interview_questions_is_asked_those_of_the_evaluation(folder):
    (folder / "interview.yaml").unlink()
    write_text(folder / "questions.yaml", "- {id: own, text: 'Who are you?'}\n")
    hold(folder, **contestants())
    assert {item.question for item in found(folder).items} == {"own"}
    make_character(folder, interview={"questions": "missing.yaml"})
    with pytest.raises(ProjectError, match=r"missing\.yaml does not exist.*examples/jarvis"):
        hold(folder, **contestants())


def test_it_is_a_suite():
    assert "interview" in pipeline.SUITES
