"""Scripted judges with biases that are known, against people: the calibration finds each, and refuses the useless."""

import math
import random

import pytest

from roletune.errors import SourceError
from roletune.evaluation.judging.agreement import pearson, ranks, spearman, weighted_kappa
from roletune.evaluation.judging.calibration import Scored, agree, biases_of, calibrate, trust_in
from roletune.evaluation.judging.human import human_sheet, read_human
from roletune.records import InterviewItem, InterviewReport, Interviews, InterviewTurn, JudgeScore, PairVerdict

HUMAN = [1, 2, 3, 4, 5, 6, 7, 2, 4, 6, 3, 5] * 4


def words(k):
    return 5 + 3 * (k * 7 % 11)


def judged(score, models=None, pairs=()):
    """Interviews of which item k got `score(k, human, words)`, None being unscored."""
    items = tuple(
        InterviewItem(
            id=f"i{k}",
            form="single",
            question=str(k),
            topic="",
            contestant="adapter" if k % 2 else "base_prompt",
            turns=(InterviewTurn(question="?", reply=" ".join(["word"] * words(k))),),
            scores=(JudgeScore(judge="sage", dimension="values", score=score(k, human, words(k))),),
        )
        for k, human in enumerate(HUMAN)
    )
    report = InterviewReport(adapter="", judges=("sage",), questions=len(items), talks=0, failed={})
    return Interviews(report=report, models=models or {}, prompts={}, items=items, pairs=tuple(pairs))


def people():
    return {(f"i{k}", "values"): float(score) for k, score in enumerate(HUMAN)}


def measure(score, **options):
    report = calibrate(judged(score, **options), people(), resamples=300)
    row = next(row for row in report.agreement if row.dimension == "values")
    return row, {bias.kind: bias for bias in report.biases}, report


def scale(value):
    return max(1, min(7, round(value)))


def test_a_judge_that_agrees_is_usable_and_has_no_bias():
    noise = random.Random(1)
    row, biases, report = measure(lambda k, human, n: scale(human + noise.choice([-1, 0, 0, 1])))
    assert row.usable
    assert row.pearson > 0.85
    assert row.kappa > 0.8
    assert row.bias_low < 0 < row.bias_high
    assert not biases["length"].found
    assert trust_in("values", ["sage"], report) == "calibrated"
    assert trust_in("values", ["sage", "owl"], report) == "refused"  # one of two was never compared
    assert trust_in("stability", ["sage"], report) == "uncalibrated"


def test_a_judge_that_always_says_the_same_is_refused():
    row, _, report = measure(lambda k, human, n: 4)
    assert (row.usable, row.why, row.pearson, row.spearman) == (False, "it always gives 4", None, None)
    assert row.error == row.constant_error
    assert trust_in("values", ["sage"], report) == "refused"


def test_a_judge_that_guesses_is_no_better_than_a_constant():
    guess = random.Random(2)
    row, _, _ = measure(lambda k, human, n: guess.randint(1, 7))
    assert (row.usable, row.why) == (False, "it is no better than a constant")


def test_a_kind_judge_is_biased_and_ranks_all_the_same():
    row, _, _ = measure(lambda k, human, n: min(7, human + 1))
    assert row.bias_low > 0.5
    assert row.usable


def test_a_judge_that_pays_for_length_is_found():
    row, biases, _ = measure(lambda k, human, n: scale(human + (n - 20) / 6))
    assert biases["length"].found
    assert biases["length"].low > 0.5
    assert row.pearson < 0.9


def test_a_judge_that_prefers_itself_is_found():
    def score(k, human, n):
        return scale(human + (2 if k % 2 else 0))

    models = {"adapter": "org/Sage+adapter", "base_prompt": "other"}
    _, biases, _ = measure(score, models=models)
    assert biases["self_preference"].found
    assert biases["self_preference"].low > 0.5
    _, biases, _ = measure(lambda k, human, n: human, models=models)
    assert not biases["self_preference"].found
    _, biases, _ = measure(score, models={"adapter": "other", "base_prompt": "another"})
    assert "self_preference" not in biases  # it judged nobody but others


def pair(k, ab, ba):
    flipped = ab == ba
    return PairVerdict(
        question=str(k),
        judge="sage",
        a="adapter",
        b="base_prompt",
        ab=ab,
        ba=ba,
        winner="tie" if flipped else "a",
        flipped=flipped,
    )


def test_a_judge_that_takes_the_first_is_found():
    _, biases, _ = measure(lambda k, human, n: human, pairs=[pair(k, "first", "first") for k in range(10)])
    assert (biases["position"].value, biases["position"].found) == (1.0, True)
    mixed = [pair(k, *["first", "second"][k % 2 : k % 2 + 1] * 2) for k in range(10)]
    _, biases, _ = measure(lambda k, human, n: human, pairs=mixed)
    assert (biases["position"].value, biases["position"].found) == (0.5, False)
    _, biases, _ = measure(lambda k, human, n: human, pairs=[pair(k, "first", "second") for k in range(10)])
    assert "position" not in biases


def test_unscored_and_unmatched_are_counted_and_few_scores_prove_nothing():
    row, _, _ = measure(lambda k, human, n: human if k % 2 else None)
    assert (row.n, row.unscored) == (24, 24)
    report = calibrate(judged(lambda k, human, n: human), {("i0", "values"): 1.0, ("nobody", "values"): 2.0})
    assert report.unmatched == 1
    assert report.agreement[0].why == "fewer than 10 interviews to compare"


def test_a_reply_that_is_scored_in_four_dimensions_is_one_piece_of_evidence():
    noise = random.Random(3)
    once = [
        Scored(f"i{k}", "values", scale(human + noise.choice([-2, -1, 0, 1, 2])), human, words(k), False)
        for k, human in enumerate(HUMAN[:14])
    ]
    often = [row for row in once for _ in range(4)]
    one, four = (agree("sage", "all", rows, 0, resamples=300) for rows in (once, often))
    assert (four.n, four.bias_low, four.bias_high, four.gain_low) == (56, one.bias_low, one.bias_high, one.gain_low)
    assert biases_of("sage", often, [], resamples=300)[0].low == biases_of("sage", once, [], resamples=300)[0].low
    assert agree("sage", "all", often[:36], 0, resamples=100).why == "fewer than 10 interviews to compare"


def test_the_arithmetic_is_that_of_the_books():
    xs, ys = [1, 2, 3, 4, 5, 5], [2, 1, 4, 3, 7, 6]
    assert pearson(xs, ys) == pytest.approx(0.8635, abs=1e-4)
    assert ranks([3, 1, 3, 2]) == [3.5, 1, 3.5, 2]
    assert pearson([1, 1], [1, 2]) is None
    assert weighted_kappa([1, 2, 3], [1, 2, 3]) == 1
    assert weighted_kappa([1, 1], [1, 1]) is None
    assert weighted_kappa([1, 7], [7, 1]) == pytest.approx(-1)


def test_the_arithmetic_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    draw = random.Random(5)
    xs, ys = ([draw.randint(1, 7) for _ in range(60)] for _ in range(2))
    assert pearson(xs, ys) == pytest.approx(stats.pearsonr(xs, ys)[0])
    assert spearman(xs, ys) == pytest.approx(stats.spearmanr(xs, ys)[0])


def test_kappa_is_that_of_a_table_worked_out_by_hand():
    # Pairs (1,1) (1,2) (2,2) (3,1): squares seen 0+1+0+4 = 5/4; expected over all 16 pairs of columns 16/16.
    assert weighted_kappa([1, 1, 2, 3], [1, 2, 2, 1]) == pytest.approx(-0.25)


def test_human_scores_of_several_people_become_their_mean(tmp_path):
    path = tmp_path / "human.csv"
    path.write_text("\ufeffItem;Dimension;Score;who\na;Values;3;x\na;values;4;y\nb;values;;x\n", "utf-8")
    assert read_human(path) == {("a", "values"): 3.5}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("item,score\na,3", "no column dimension"),
        ("", "no column item, dimension, score"),
        ("item,dimension,score\na,wit,3\na,values,nan\n,values,3\na,values,8\na,values,x", r"5 mistakes(.|\n)*csv:6"),
    ],
)
def test_every_mistake_in_human_scores_is_told_with_its_line(tmp_path, text, why):
    path = tmp_path / "human.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(SourceError, match=why):
        read_human(path)
    with pytest.raises(SourceError, match="can't be read"):
        read_human(tmp_path / "nothing.csv")


def test_the_sheet_names_nobody_and_runs_nothing(tmp_path):
    items = judged(lambda k, human, n: human).items
    turn = InterviewTurn(question="=cmd()", reply="=1+1")
    sheet = human_sheet([items[0].model_copy(update={"turns": (turn,)}), *items[1:]])
    assert "adapter" not in sheet
    assert "base_prompt" not in sheet
    assert not any(cell.startswith("=") for cell in sheet.replace('"', "").split(","))
    path = tmp_path / "human.csv"
    path.write_text(sheet, "utf-8")
    assert read_human(path) == {}  # nothing is filled in yet
    assert len(sheet.split("\ni")) - 1 == 4 * len(items)


def test_means_are_not_rounded_away():
    assert math.isclose(pearson([1, 2, 3], [1.5, 2.5, 3.5]), 1.0)
