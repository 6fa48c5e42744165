import pytest

from roletune.evaluation.paired import EXACT, assess, holm


def test_holm_as_worked_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_signs_of_few_units_are_flipped_in_every_way():
    assert assess([1.0] * 4, [1.0] * 4).p == pytest.approx(2 / 16)
    assert assess([1.0, 1.0, -1.0, 0.0], [1.0] * 4).p == pytest.approx(1.0)  # McNemar: 2 against 1


def test_many_units_give_about_the_same_p_as_the_binomial():
    found = assess([1.0] * 15 + [-1.0] * 5 + [0.0] * 80, [1.0] * 100)
    assert EXACT < 15 + 5
    assert found.p == pytest.approx(0.0414, abs=0.012)
    assert found.value == pytest.approx(0.1)
    assert found.low > 0


def test_the_mean_is_over_weights_and_the_same_every_time():
    found = assess([2.0, 6.0], [1.0, 3.0])
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)
    assert assess([1.0, 5.0, -2.0], [1.0] * 3) == assess([1.0, 5.0, -2.0], [1.0] * 3)
    assert assess([0.0, 0.0], [1.0, 1.0]) == (0.0, 0.0, 0.0, 1.0)
