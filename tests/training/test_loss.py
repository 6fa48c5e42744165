import pytest
import torch

from roletune.training.loss import CHUNK, SupervisedLoss


@pytest.mark.parametrize("rows", [1, CHUNK, 2 * CHUNK + 3])
def test_loss_and_gradient_are_torchs_cross_entropy(rows):
    torch.manual_seed(0)
    hidden = torch.randn(rows, 16, requires_grad=True)
    head, targets = torch.randn(50, 16), torch.randint(50, (rows,))
    ours = SupervisedLoss.apply(hidden, head, targets, 7.0)
    theirs = torch.nn.functional.cross_entropy(hidden @ head.t(), targets, reduction="sum") / 7
    torch.testing.assert_close(ours, theirs)
    left, right = (torch.autograd.grad(3 * loss, hidden)[0] for loss in (ours, theirs))
    torch.testing.assert_close(left, right)


def test_nothing_is_computed_for_a_gradient_that_nobody_wants():
    hidden, head, targets = torch.randn(3, 16), torch.randn(50, 16), torch.tensor([1, 2, 3])
    loss = SupervisedLoss.apply(hidden, head, targets, 3.0)
    assert not loss.requires_grad
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(hidden @ head.t(), targets))
