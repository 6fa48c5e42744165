"""Identification on a tiny random model: every candidate is measured in its context, by every contestant."""

import pytest
from tests.evaluation.invented import EXAMPLE
from tests.evaluation.test_identification import OTHER
from tests.evaluation.test_likelihood_of_a_model import adapted, renderer, tiny  # noqa: F401

from roletune.engine.progress import SilentProgress
from roletune.errors import EvaluationError
from roletune.evaluation.identification import choices, measure_identification
from roletune.evaluation.likelihood import line_likelihoods, without_prompt


def test_a_model_is_asked_for_every_candidate_in_its_context(renderer):  # noqa: F811
    model = adapted("llama")
    report = measure_identification([EXAMPLE, OTHER], renderer, model, progress=SilentProgress(), most=1)
    (one,) = report.items
    told = choices([EXAMPLE, OTHER], most=1)[0].examples(OTHER)
    assert len(told) == 4
    plain = [-line.nll for line in line_likelihoods(told, renderer, model)]
    assert one.scores["adapter"] == pytest.approx(plain, rel=1e-5)
    with model.disable_adapter():
        prompted = [-line.nll for line in line_likelihoods(told, renderer, model)]
        bare = [-line.nll for line in line_likelihoods([without_prompt(t) for t in told], renderer, model)]
    assert one.scores["base_prompt"] == pytest.approx(prompted, rel=1e-5)
    assert one.scores["base"] == pytest.approx(bare, rel=1e-5)
    assert report.chance == 0.25


def test_a_model_without_an_adapter_is_refused(renderer):  # noqa: F811
    with pytest.raises(EvaluationError, match="no adapter"):
        measure_identification([EXAMPLE, OTHER], renderer, tiny("llama"), progress=SilentProgress())
