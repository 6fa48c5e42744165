import numpy as np
import pytest

from roletune.errors import EvaluationError
from roletune.evaluation.comparing import Score
from roletune.evaluation.learning_curve import fit_curve, fit_power_law

SIZES = (20, 40, 80, 160)


def scores(law, noise=0.0, scenes=30):
    drawn = np.random.default_rng(3)
    made = [{} for _ in SIZES]
    for scene in range(scenes):
        apart = drawn.normal(0, 0.2)
        for place, size in enumerate(SIZES):
            value = 10 * (law(size) + apart + drawn.normal(0, noise) if noise else law(size) + apart)
            made[place][f"s{scene} 0"] = Score(value, 10, f"s{scene}")
    return made


def test_a_power_law_is_found_again():
    floor, factor, exponent = fit_power_law(np.array(SIZES, float), (2 + 3 * np.array(SIZES, float) ** -0.5)[None])
    assert (floor[0], factor[0], exponent[0]) == pytest.approx((2, 3, 0.5), rel=0.05)


def test_what_twice_the_data_brings_is_told_with_its_interval():
    means, _, twice = fit_curve(SIZES, scores(lambda n: 2 + 3 * n**-0.5, noise=0.02))
    real = 3 * (320**-0.5 - 160**-0.5)
    assert twice.low < real < twice.high < 0
    assert [mean.value for mean in means] == sorted((mean.value for mean in means), reverse=True)


def test_a_flat_curve_promises_nothing_and_a_rising_one_no_gain():
    assert fit_curve(SIZES, scores(lambda _: 2.0))[2].value == pytest.approx(0, abs=1e-9)
    assert fit_curve(SIZES, scores(lambda n: 2 + n / 1000))[2].value == 0


def test_fewer_than_three_sizes_make_no_curve():
    with pytest.raises(EvaluationError, match="3 different sizes"):
        fit_curve((20, 40, 40), scores(lambda _: 2.0)[:3])
