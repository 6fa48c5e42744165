"""The section on interviews, in HTML and in Markdown: escaped, and plain about what is not known."""

import pytest
from tests.evaluation.invented import report

from roletune.evaluation.judging.calibration import calibrate
from roletune.evaluation.judging.shown import shown_interviews
from roletune.evaluation.judging.summary import summarise
from roletune.evaluation.report_html import render_html
from roletune.evaluation.report_markdown import render_markdown
from roletune.records import Flaw, InterviewItem, InterviewTurn, JudgeScore, Passage

from .test_calibration import judged, pair, people

FLIPPED = tuple(pair(k, "first", "first") for k in range(8))
HOSTILE = "<script>sage</script> | `x`"


SCORES = ((lambda k, human, n: human, True), (lambda k, human, n: 4, True), (lambda k, human, n: human, False))


def page_of(score, judges=("sage",), calibrated=True, pairs=FLIPPED):
    found = judged(score, pairs=pairs)
    flaw = Flaw(judge="sage", kind="voice", quote="word word", why=".", found=True)
    items = [item.model_copy(update={"flaws": (flaw,), "question": str(k // 2)}) for k, item in enumerate(found.items)]
    summary = summarise(
        items,
        found.pairs,
        adapter="",
        judges=judges,
        calibration=calibrate(found, people(), resamples=100) if calibrated else None,
        resamples=100,
    )
    if judges:
        summary = summary.model_copy(update={"judges": (HOSTILE,)})
    made = report().model_copy(update={"interview": summary})
    return render_html(made), render_markdown(made)


def test_scores_differences_flaws_order_and_calibration_are_shown():
    html, markdown = page_of(lambda k, human, n: human)
    for said in (
        "people agree with the judge",
        "in 24 of 24",
        "The order decided 8 of 8 pairs",
        "nothing is ranked by them",
        "sage has a bias: position 1.00",
    ):
        assert said in html
    assert "<script>sage" not in html
    assert "| values, single questions | adapter |" in markdown
    assert "<script>" not in markdown


@pytest.mark.parametrize(
    ("score", "calibrated", "said"),
    [
        (lambda k, human, n: 4, True, "the judge is no better than a constant: not ranked"),
        (lambda k, human, n: human, False, "no human scores: not ranked"),
        (lambda k, human, n: None, False, "unscored"),
    ],
)
def test_a_judge_that_can_t_be_believed_ranks_nobody(score, calibrated, said):
    assert all(said in page for page in page_of(score, calibrated=calibrated))


def test_comparisons_rank_nobody_either_where_people_disagree_with_the_judge():
    pairs = [pair(k, "first", "second") for k in range(8)]
    trusted, refused, unknown = (page_of(score, pairs=pairs, calibrated=known)[0] for score, known in SCORES)
    assert "Bradley-Terry" in trusted
    assert "No human scores tell" not in trusted
    assert "Bradley-Terry" not in refused
    assert "so nobody is ranked" in refused
    assert "base + prompt: 8 to 0" in " ".join(refused.split())
    assert "No human scores tell" in unknown


def test_what_was_not_judged_says_so():
    html, markdown = page_of(lambda k, human, n: None, judges=(), calibrated=False)
    assert "nobody has judged them yet" in html
    assert "not judged yet" in markdown


def played(number, scores, flaws=(), failed=""):
    given = [
        JudgeScore(judge="sage", dimension=one, score=score, steps=(f"step {number} {HOSTILE}",), evidence=("p1",))
        for one, score in zip(("values", "personality"), scores, strict=True)
    ]
    turn = InterviewTurn(question=f"question {number}", reply=f"I keep the lamp, reply {number}. {HOSTILE}")
    return InterviewItem(
        id=f"i{number}",
        form="single",
        question=f"q{number}",
        topic="work",
        contestant="adapter",
        turns=(turn,),
        scores=tuple(given),
        flaws=tuple(flaws),
        failed=failed,
    )


def test_the_best_and_the_worst_interview_are_shown_with_steps_quotations_and_passages():
    true = Flaw(judge="sage", kind="invention", quote="keep the lamp", why=HOSTILE, found=True)
    false = Flaw(judge="sage", kind="voice", quote="no such words", why="?", found=False, reason="not in the reply")
    items = [
        played(1, (5, 6)),
        played(2, (None, 2), flaws=[true, false]),
        played(3, (None, None)),
        played(4, (7, None)),
        played(5, (1, 1), failed="gone"),
    ]
    passage = Passage(id="p1", text=f"The lamp is old. {HOSTILE}", heading="Work", source="s")
    shown = shown_interviews(items, {"p1": passage})
    assert [(one.place, one.turns[0].question, one.mean) for one in shown] == [
        ("best", "question 4", 7),
        ("worst", "question 2", 2),
    ]
    summary = summarise(items, [], adapter="", judges=("sage",), passages=[passage], resamples=100)
    page = render_html(report().model_copy(update={"interview": summary}))
    assert "<script>sage" not in page
    assert "keep the lamp</mark>" in page
    for said in ("step 4", "not counted: not in the reply", "The lamp is old.", "The 1 passage that they were given"):
        assert said in page


def test_where_all_interviews_are_scored_alike_none_is_the_best():
    assert shown_interviews([played(1, (4, 4)), played(2, (4, 4)), played(3, (None, None))], {}) == ()
