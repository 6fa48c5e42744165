import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaMLP

from roletune.training import gate


def mlp(activation):
    torch.manual_seed(0)
    return LlamaMLP(
        LlamaConfig(hidden_size=8, intermediate_size=12, num_attention_heads=2, hidden_act=activation)
    ).double()


def test_output_and_gradients_are_those_of_the_stock_layer():
    stock, ours = mlp("silu"), mlp("silu")
    assert gate.install(torch.nn.ModuleList([ours])) == 1
    x = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ours(x), stock(x))
    left = torch.autograd.grad(ours(x).pow(2).sum(), [x, *ours.parameters()])
    right = torch.autograd.grad(stock(x).pow(2).sum(), [x, *stock.parameters()])
    torch.testing.assert_close(left, right)


def test_another_activation_keeps_its_code():
    assert gate.install(torch.nn.ModuleList([mlp("gelu")])) == 0
