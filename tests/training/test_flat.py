import torch
from torch import nn

from roletune.training.flat import FlatParameters


def parameters():
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(shape)) for shape in ((2, 3), (4, 3), (5, 2))]


def test_parameters_keep_their_values_and_become_views_of_one_vector():
    ps = parameters()
    before = [p.detach().clone() for p in ps]
    flat = FlatParameters(ps, torch.float32)
    assert len(flat) == 6 + 12 + 10
    assert all(torch.equal(a, b) for a, b in zip(before, ps, strict=True))
    with torch.no_grad():
        flat.master.zero_()
    assert all(p.eq(0).all() for p in ps)


def test_a_backward_adds_into_the_one_gradient():
    ps = parameters()
    flat = FlatParameters(ps, torch.float32)
    for _ in range(2):
        sum((k * p).sum() for k, p in enumerate(ps, start=1)).backward()
    assert flat.master.grad.tolist() == [2.0] * 6 + [4.0] * 12 + [6.0] * 10
    flat.zero_grad()
    assert all(p.grad.eq(0).all() for p in ps)


def test_the_copy_in_bfloat16_follows_on_refresh_and_stacks_neighbours():
    ps = parameters()
    flat = FlatParameters(ps, torch.bfloat16)
    stacked = flat.stacked(ps[:2])
    assert torch.equal(stacked, torch.cat(ps[:2]).bfloat16())
    with torch.no_grad():
        flat.master.fill_(0.5)
    flat.refresh()
    assert stacked.eq(0.5).all()
    assert stacked.dtype == torch.bfloat16


def test_in_float32_the_copy_is_the_master_itself():
    ps = parameters()
    flat = FlatParameters(ps, torch.float32)
    with torch.no_grad():
        flat.master.fill_(0.25)
    assert flat.stacked(ps[2:]).eq(0.25).all()
