import pytest
import torch
from torch import nn

from roletune.training.optimizer import MasterOptimizer
from roletune.training.recipe import Recipe


def stepped(optimizer, master, seeds):
    for seed in seeds:
        master.grad = torch.randn(len(master), generator=torch.Generator().manual_seed(seed))
        optimizer.step(0.01)
    return master.detach().clone()


@pytest.mark.parametrize("name", ["adamw", "paged_adamw_32bit"])
def test_going_on_from_saved_moments_is_as_if_nothing_had_happened(name):
    if name != "adamw":
        pytest.importorskip("bitsandbytes")
    recipe = Recipe(optimizer=name)
    whole = nn.Parameter(torch.ones(5000))
    expected = stepped(MasterOptimizer(whole, recipe), whole, range(5))
    first = nn.Parameter(torch.ones(5000))
    optimizer = MasterOptimizer(first, recipe)
    then = nn.Parameter(stepped(optimizer, first, range(3)))
    resumed = MasterOptimizer(then, recipe)
    resumed.restore(3, {key: value.clone() for key, value in optimizer.moments.items()})
    assert torch.equal(stepped(resumed, then, range(3, 5)), expected)


def test_both_are_adamw():
    pytest.importorskip("bitsandbytes")
    ends = []
    for name in ("adamw", "paged_adamw_32bit"):
        master = nn.Parameter(torch.ones(5000))
        ends.append(stepped(MasterOptimizer(master, Recipe(optimizer=name)), master, range(4)))
    torch.testing.assert_close(*ends, rtol=1e-4, atol=1e-5)
