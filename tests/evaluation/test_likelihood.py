import math

import pytest

from roletune.errors import EvaluationError
from roletune.evaluation.likelihood import compare, pair, summarise, without_prompt
from roletune.records import LineLikelihood

from .invented import EXAMPLE


def lines(*nlls, tokens=10, dialogue="d"):
    return [
        LineLikelihood(dialogue=f"{dialogue}{i // 2}", line=i % 2, nll=x, tokens=tokens) for i, x in enumerate(nlls)
    ]


def contestants(base, prompted, adapted):
    return {"base": lines(*base), "base_prompt": lines(*prompted), "adapter": lines(*adapted)}


def test_perplexity_is_per_token_so_long_lines_count_for_more():
    short = LineLikelihood(dialogue="d", line=0, nll=10.0, tokens=2)
    long = LineLikelihood(dialogue="d", line=1, nll=8.0, tokens=16)
    found = summarise([short, long], system="You are ...")
    assert found.nll_per_token == pytest.approx(1.0)
    assert found.perplexity == pytest.approx(math.e)
    assert (found.n_lines, found.n_tokens, found.system) == (2, 18, "You are ...")


def test_a_better_adapter_has_a_negative_difference_and_a_ratio_below_one():
    report = compare(contestants([25, 26, 24, 27], [22, 23, 22, 24], [19, 20, 18, 20]))
    against = report.adapter_vs_base_prompt
    assert against.difference == pytest.approx((77 - 91) / 40)
    assert against.ci_low <= against.difference <= against.ci_high < 0
    assert against.perplexity_ratio == pytest.approx(report.adapter.perplexity / report.base_prompt.perplexity)
    assert against.ratio_low == pytest.approx(math.exp(against.ci_low))
    assert (against.n_lines, against.n_scenes) == (4, 2)
    assert report.adapter_vs_base.difference < against.difference


def test_the_report_keeps_every_line_under_every_contestant():
    report = compare(contestants([25, 26], [22, 23], [19, 20]), {"base": "You are SmolLM"})
    assert [(x.base, x.base_prompt, x.adapter) for x in report.lines] == [(25, 22, 19), (26, 23, 20)]
    assert report.base.system == "You are SmolLM"


def test_contestants_measured_on_other_tokens_can_not_be_paired():
    with pytest.raises(EvaluationError, match="same lines"):
        pair(lines(1, 2), lines(1, 2), lines(1, 2, tokens=11))
    with pytest.raises(EvaluationError, match="same lines"):
        pair(lines(1, 2), lines(1), lines(1, 2))


def test_no_lines_and_broken_weights_are_told_apart():
    with pytest.raises(EvaluationError, match="test share"):
        summarise([])
    with pytest.raises(EvaluationError, match="damaged"):
        summarise(lines(float("nan")))


def test_the_base_contestant_sees_the_same_conversation_without_the_prompt():
    bare = without_prompt(EXAMPLE)
    assert [m.role for m in bare.messages] == [m.role for m in EXAMPLE.messages[1:]]
    assert bare.dialogue == EXAMPLE.dialogue
