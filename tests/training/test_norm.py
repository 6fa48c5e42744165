import copy

import torch
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from roletune.training import norm


def test_the_forward_is_llamas_to_the_bit_and_the_backward_agrees():
    stock = LlamaRMSNorm(32).requires_grad_(False)
    stock.weight.copy_(torch.rand(32) + 0.5)
    ours = copy.deepcopy(stock)
    assert norm.install(torch.nn.ModuleList([ours])) == 1
    x = (3 * torch.randn(2, 5, 32)).requires_grad_()
    outer = torch.randn(2, 5, 32)
    assert torch.equal(ours(x), stock(x))
    torch.testing.assert_close(torch.autograd.grad(ours(x), x, outer), torch.autograd.grad(stock(x), x, outer))


def test_bfloat16_is_rounded_once_and_so_never_further_from_the_truth_than_llamas():
    stock = LlamaRMSNorm(64).to(torch.bfloat16).requires_grad_(False)
    stock.weight.copy_(torch.rand(64) + 0.5)
    x = torch.randn(50, 64, dtype=torch.bfloat16)
    wide = x.double()
    exact = stock.weight * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + stock.variance_epsilon))
    ours = norm.RMSNorm.apply(x, stock.weight, stock.variance_epsilon)
    assert ours.dtype == torch.bfloat16
    assert ((ours - exact).abs() <= 1.001 * 2**-8 * exact.abs()).all()  # half of the last place
    assert (ours - exact).abs().mean() < 0.8 * (stock(x) - exact).abs().mean()


def test_autocast_rounds_nothing_in_it():
    x, weight = torch.randn(50, 64), torch.rand(64)
    expected = norm.RMSNorm.apply(x, weight, 1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(norm.RMSNorm.apply(x, weight, 1e-5), expected)


def test_a_norm_that_computes_something_else_keeps_its_code():
    assert norm.install(torch.nn.ModuleList([GemmaRMSNorm(8)])) == 0
