import pytest
import torch
from transformers import get_scheduler

from roletune.training.schedule import SHAPES, evaluation_steps, learning_rate


def ours(total, shape, warmup):
    return [learning_rate(step, total, peak=2.0, warmup=warmup, shape=shape) for step in range(total)]


def test_every_shape_agrees_with_transformers_after_warmup():
    for shape in SHAPES:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
        schedule = get_scheduler(shape, optimizer, num_warmup_steps=5, num_training_steps=50)
        theirs = []
        for _ in range(50):
            theirs.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        assert ours(50, shape, 0.1)[5:] == pytest.approx(theirs[5:])


def test_warmup_rises_from_above_zero_to_the_peak():
    rates = ours(50, "cosine", 0.1)
    assert rates[0] > 0
    assert rates[:6] == sorted(rates[:6])
    assert max(rates) == rates[5] == 2.0


def test_one_step_is_trained_at_a_rate_above_zero():
    assert learning_rate(0, 1, peak=1.0, warmup=0.03, shape="cosine") > 0


def test_validations_are_spread_evenly_and_end_each_epoch():
    assert evaluation_steps(9, 2, 3) == {3, 6, 9, 12, 15, 18}
    assert evaluation_steps(2, 1, 5) == {1, 2}
    assert evaluation_steps(10, 1, 1) == {10}
