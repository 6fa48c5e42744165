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


def test_bfloat16_keeps_its_dtype_and_llamas_rounding():
    stock = LlamaRMSNorm(32).to(torch.bfloat16)
    x = torch.randn(4, 32, dtype=torch.bfloat16)
    ours = norm.RMSNorm.apply(x, stock.weight, stock.variance_epsilon)
    assert ours.dtype == torch.bfloat16
    assert torch.equal(ours, stock(x))


def test_a_norm_that_computes_something_else_keeps_its_code():
    assert norm.install(torch.nn.ModuleList([GemmaRMSNorm(8)])) == 0
