import random

import pytest

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import bootstrap_per_token, newcombe, quantile, wilson


def scenes_of(differences_per_scene, tokens=10):
    return {f"s{i}": [(d * tokens, tokens) for d in lines] for i, lines in enumerate(differences_per_scene)}


def test_the_estimate_is_the_difference_per_token_over_all_lines():
    found = bootstrap_per_token({"a": [(-2.0, 10), (-1.0, 20)], "b": [(3.0, 70)]}, resamples=10)
    assert found.value == pytest.approx(0.0)
    assert bootstrap_per_token({"a": [(-2.0, 10), (-1.0, 30)]}, resamples=10).value == pytest.approx(-3 / 40)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    scenes = scenes_of([[0.1, 0.3], [-0.2], [0.4, 0.0, 0.2], [0.9]])
    assert bootstrap_per_token(scenes, seed=3) == bootstrap_per_token(scenes, seed=3)
    assert bootstrap_per_token(scenes, seed=3, resamples=9) != bootstrap_per_token(scenes, seed=4, resamples=9)


def test_scenes_are_drawn_and_not_lines():
    # Forty lines that agree within each of two scenes carry the information of two: the interval spans both.
    found = bootstrap_per_token(scenes_of([[-1.0] * 20, [1.0] * 20]), resamples=2000)
    assert found.low == pytest.approx(-1.0)
    assert found.high == pytest.approx(1.0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    generator = random.Random(0)
    hits = 0
    for _ in range(200):
        scenes = scenes_of([[-0.3 + generator.gauss(0, 0.2)] * 3 for _ in range(30)])
        found = bootstrap_per_token(scenes, resamples=300, seed=1)
        hits += found.low <= -0.3 <= found.high
    assert 0.87 <= hits / 200 <= 0.99


def test_nothing_to_compare_is_an_error_with_a_cure():
    with pytest.raises(EvaluationError, match="test share"):
        bootstrap_per_token({})


def test_quantiles_are_interpolated():
    assert quantile([0.0, 10.0], 0.025) == pytest.approx(0.25)
    assert quantile([5.0], 0.975) == 5.0


@pytest.mark.parametrize(
    ("count", "n", "low", "high"), [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)]
)
def test_wilson_agrees_with_published_values(count, n, low, high):
    rate = wilson(count, n)
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=1e-4)
    assert (rate.value, rate.count, rate.n) == (count / n, count, n)


@pytest.mark.parametrize(("count", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_a_share_of_nothing_is_refused(count, n):
    with pytest.raises(EvaluationError):
        wilson(count, n)


def test_the_difference_of_two_shares_is_that_of_newcombe_s_paper():
    found = newcombe(wilson(56, 70), wilson(48, 80))  # his first example, method 10: 0.0524 to 0.3339
    assert (found.value, found.n) == (pytest.approx(0.2), 70)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))
