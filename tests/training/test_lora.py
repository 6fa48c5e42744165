import copy

import pytest
import torch

from roletune.training import lora
from roletune.training.dropout import DropoutMasks
from roletune.training.flat import FlatParameters


@pytest.fixture
def fuse():
    def build(model, dtype=torch.float32, p=0.0):
        layers = lora.groups(model)
        masks = DropoutMasks(p, dtype)
        flat = FlatParameters(lora.ordered_parameters(layers), dtype)
        lora.install(layers, flat, masks)
        return flat, masks

    return build


def attention_and_mlp(model):
    layer = model.get_base_model().base_model.layers[0]
    return layer.self_attn, layer.mlp


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_layers_that_share_an_input_give_pefts_outputs_and_gradients(family, tiny_config, tiny_peft, fuse):
    stock = tiny_peft(tiny_config(family))
    ours = copy.deepcopy(stock)
    fuse(ours)
    results = []
    for model in (ours, stock):
        attention, mlp = attention_and_mlp(model)
        x = torch.randn(1, 7, 64, generator=torch.Generator().manual_seed(2), requires_grad=True)
        outputs = [attention.q_proj(x), attention.k_proj(x), attention.v_proj(x), mlp.gate_proj(x), mlp.up_proj(x)]
        sum((k + 1) * y.pow(2).sum() for k, y in enumerate(outputs)).backward()
        grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
        results.append((outputs, x.grad, grads))
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)
    assert len(results[0][2]) == 10  # A and B of five layers


def test_a_layer_called_with_another_tensor_computes_its_own(tiny_config, tiny_peft, fuse):
    stock = tiny_peft(tiny_config("llama"))
    ours = copy.deepcopy(stock)
    fuse(ours)
    a, b = torch.randn(1, 3, 64), torch.randn(1, 3, 64)
    for model_calls in ((a, b), (b, a)):
        for x in model_calls:
            torch.testing.assert_close(
                attention_and_mlp(ours)[0].k_proj(x), attention_and_mlp(stock)[0].k_proj(x), rtol=1e-4, atol=1e-5
            )


def test_dropout_scales_what_it_keeps_and_its_gradient_uses_the_same_mask(tiny_config, tiny_peft, fuse):
    model = tiny_peft(tiny_config("llama"))
    _, masks = fuse(model, p=0.5)
    layer = attention_and_mlp(model)[1].down_proj
    x = torch.randn(1, 5, 96, requires_grad=True)
    torch.manual_seed(5)
    output = layer(x)
    torch.manual_seed(5)
    masks.renew()
    torch.manual_seed(5)
    again = DropoutMasks(0.5, torch.float32)
    mask = again.take(5, 96)
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    expected = x @ layer.base_layer.weight.t() + (x * mask / masks.keep) @ a.t() @ b.t() * layer.scaling["default"]
    torch.testing.assert_close(output, expected)
    left, right = (torch.autograd.grad(y.pow(2).sum(), [x, a, b]) for y in (output, expected))
    torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4)


def test_bfloat16_gradients_point_where_the_exact_ones_do(tiny_config, tiny_peft, fuse):
    exact, rounded = tiny_peft(tiny_config("llama")), tiny_peft(tiny_config("llama"))
    flats = [fuse(exact)[0]]
    for layer in (layer for group in lora.groups(rounded) for layer in group):
        layer.base_layer.to(torch.bfloat16)
    flats.append(fuse(rounded, torch.bfloat16)[0])
    x = torch.randn(1, 50, 64)
    for model in (exact, rounded):
        attention, _ = attention_and_mlp(model)
        attention.o_proj(attention.q_proj(x.to(attention.q_proj.base_layer.weight.dtype))).float().pow(
            2
        ).sum().backward()
    assert torch.nn.functional.cosine_similarity(flats[0].master.grad, flats[1].master.grad, dim=0) > 0.999


def test_dora_is_not_taken_for_plain_lora(tiny_config):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(tiny_config("llama"))
    model = get_peft_model(model, LoraConfig(use_dora=True, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    assert not any(lora.is_known(layer) for group in lora.groups(model) for layer in group)
