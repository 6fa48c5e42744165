import pytest

from roletune.evaluation.report import judge, outcome_of, training_report
from roletune.records import Report, Suites

from . import invented


def test_the_report_survives_being_written_and_read():
    report = invented.report()
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_a_clear_win_is_called_one_with_its_interval_and_its_limits():
    report = invented.report()
    assert "likelier than the same model with the same prompt" in report.verdict
    ratio = report.evaluation.likelihood.adapter_vs_base_prompt
    assert f"{ratio.perplexity_ratio:.3f}" in report.verdict
    assert f"{ratio.ratio_low:.3f} to {ratio.ratio_high:.3f}, 60 lines from 12 scenes" in report.verdict
    assert "not authentic" in report.verdict
    assert "\n" not in report.verdict


def test_an_interval_that_includes_no_difference_is_no_evidence():
    report = invented.report(shift=0.0)
    assert outcome_of(report.evaluation.likelihood.adapter_vs_base_prompt) == "unclear"
    assert "no evidence" in report.verdict
    assert "likelier than" not in report.verdict


def test_an_adapter_that_harms_is_told_so():
    report = invented.report(shift=0.5)
    assert outcome_of(report.evaluation.likelihood.adapter_vs_base_prompt) == "worse"
    assert "made things worse" in report.verdict


@pytest.mark.parametrize(
    ("low", "value", "high", "outcome"),
    [(-0.3, -0.2, -0.1, "better"), (-0.3, -0.1, 0.1, "unclear"), (-0.1, 0.1, 0.3, "unclear"), (0.1, 0.2, 0.3, "worse")],
)
def test_only_the_whole_interval_decides(low, value, high, outcome):
    found = invented.likelihood().adapter_vs_base_prompt
    assert outcome_of(found.model_copy(update={"ci_low": low, "difference": value, "ci_high": high})) == outcome


def test_a_few_scenes_that_agree_prove_nothing():
    report = invented.report(shift=-1.0, scenes=5, per_scene=20)
    assert outcome_of(report.evaluation.likelihood.adapter_vs_base_prompt) == "unclear"
    assert "5 held-out scenes are too few" in report.verdict
    assert "1 held-out scene is too few" in invented.report(scenes=1).verdict


def test_few_scenes_make_the_interval_rough():
    assert "rough" in invented.report(scenes=7, per_scene=15).verdict
    assert "rough" in invented.report(scenes=15, per_scene=2).verdict
    assert "rough" not in invented.report().verdict


def test_authentic_scenes_are_not_talked_down():
    data = invented.DATA.model_copy(update={"origins": {"authentic": 80, "generated": 10}})
    assert "not authentic" not in invented.report(data=data).verdict


def test_checks_that_the_adapter_fails_are_named_worst_first():
    evaluation = invented.evaluation()
    swapped = {**evaluation.style.rates, "adapter": evaluation.style.rates["base"]}
    evaluation = evaluation.model_copy(update={"style": evaluation.style.model_copy(update={"rates": swapped})})
    judgement = judge(evaluation, training_report(invented.adapter()), invented.DATA)
    named = [check for check, _ in judgement.weak]
    assert named[0] == "assistant_speak"
    assert "address" not in named  # missing it is a note
    assert judgement.unanswered == 1


@pytest.mark.parametrize(("best", "past"), [(48, True), (60, False)])
def test_training_past_its_best_is_mentioned(best, past):
    training = training_report(invented.adapter(best_step=best))
    assert judge(invented.evaluation(), training, invented.DATA).overfitted is past


def test_everything_the_adapter_knows_of_its_training_is_in_the_report():
    adapter = invented.adapter()
    training = training_report(adapter)
    assert (training.run, training.base_identity, training.data) == (adapter.run, adapter.base_identity, adapter.data)
    assert training.curve == adapter.curve


@pytest.mark.parametrize(("lost", "forgot"), [(12, True), (1, False)])
def test_forgetting_is_in_the_verdict_only_where_it_is_clear(lost, forgot):
    report = invented.report(suites=Suites(capability=invented.capability(lost)))
    assert (
        "forgotten general knowledge: of 60 questions 12 turned wrong and 0 turned right." in report.verdict
    ) == forgot
