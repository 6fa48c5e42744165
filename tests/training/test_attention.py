import pytest
import torch

from roletune.training.attention import SegmentAttention
from roletune.training.segments import BLOCK, Segments


def reference(query, key, value, lengths, scaling):
    """One sequence after the other through torch's own."""
    outputs, start = [], 0
    for n in lengths:
        part = [x[:, :, start : start + n] for x in (query, key, value)]
        outputs.append(
            torch.nn.functional.scaled_dot_product_attention(*part, is_causal=True, scale=scaling, enable_gqa=True)
        )
        start += n
    return torch.cat(outputs, 2).transpose(1, 2)


def tensors(tokens, heads, groups, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    # As transformers hands them over: heads second, tokens second in memory.
    return [
        torch.randn(1, tokens, n, 16, generator=generator, dtype=dtype).transpose(1, 2).requires_grad_()
        for n in (heads, groups, groups)
    ]


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("lengths", [(1,), (BLOCK,), (BLOCK + 1, 5, 2 * BLOCK)])
def test_output_and_gradients_are_those_of_each_sequence_alone(groups, lengths):
    inputs = tensors(sum(lengths), 6, groups)
    ours = SegmentAttention.apply(*inputs, Segments(lengths), 0.3)
    theirs = reference(*inputs, lengths, 0.3)
    outer = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1), dtype=ours.dtype)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(ours, inputs, outer), torch.autograd.grad(theirs, inputs, outer), rtol=1e-6, atol=1e-6
    )


def test_a_later_token_never_changes_an_earlier_output():
    query, key, value = tensors(40, 4, 2)
    before = SegmentAttention.apply(query, key, value, Segments((40,)), 0.25)
    with torch.no_grad():
        for x in (query, key, value):
            x[:, :, 20:] += 1
    after = SegmentAttention.apply(query, key, value, Segments((40,)), 0.25)
    assert torch.equal(before[:, :20], after[:, :20])
    assert not torch.equal(before[:, 20:], after[:, 20:])


def test_tokens_behind_the_last_sequence_are_zero_and_get_no_gradient():
    query, key, value = inputs = tensors(20, 4, 2)
    output = SegmentAttention.apply(query, key, value, Segments((9, 5)), 0.25)
    alone = reference(*(x[:, :, :14] for x in inputs), (9, 5), 0.25)
    torch.testing.assert_close(output[:, :14], alone)
    assert output[:, 14:].eq(0).all()
    for grad in torch.autograd.grad(output.pow(2).sum(), inputs):
        assert grad[:, :, 14:].eq(0).all()


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize(("prefix", "lengths"), [(16, (1, 3)), (BLOCK, (BLOCK, 5)), (BLOCK + 7, (9, 2 * BLOCK + 1, 4))])
def test_a_shared_prefix_gives_what_each_sequence_gives_with_its_own(groups, prefix, lengths):
    inputs = tensors(prefix + sum(lengths), 6, groups)
    starts = [prefix + sum(lengths[:i]) for i in range(len(lengths))]
    places = [[*range(prefix), *range(at, at + n)] for at, n in zip(starts, lengths, strict=True)]
    whole = torch.cat([torch.tensor(place) for place in places])
    repeated = [x[:, :, whole] for x in inputs]
    theirs = reference(*repeated, [prefix + n for n in lengths], 0.3)
    ours = SegmentAttention.apply(*inputs, Segments(lengths, prefix), 0.3)[:, whole]
    outer = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1), dtype=ours.dtype)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(ours, inputs, outer), torch.autograd.grad(theirs, inputs, outer), rtol=1e-6, atol=1e-6
    )
