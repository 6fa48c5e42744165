import torch

from roletune.training.dropout import DropoutMasks


def test_the_share_that_is_kept_is_what_the_scale_undoes():
    torch.manual_seed(0)
    masks = DropoutMasks(0.1, torch.float32)
    mask = masks.take(400, 500)
    assert mask.unique().tolist() == [0, 1]
    assert abs(masks.keep - 0.9) < 0.002
    assert abs(mask.mean().item() - masks.keep) < 0.003


def test_the_same_seed_gives_the_same_masks_and_each_step_others():
    def two():
        torch.manual_seed(3)
        masks = DropoutMasks(0.5, torch.float32)
        first = masks.take(8, 8).clone()
        masks.renew()
        return first, masks.take(8, 8)

    (a, b), (c, d) = two(), two()
    assert torch.equal(a, c)
    assert torch.equal(b, d)
    assert not torch.equal(a, b)


def test_a_mask_that_is_held_does_not_change_when_the_pool_is_drawn_again():
    masks = DropoutMasks(0.5, torch.bfloat16)
    held = masks.take(8, 8)
    before = held.clone()
    masks.renew()
    masks.take(100, 100)
    assert torch.equal(held, before)


def test_nothing_is_dropped_at_zero_or_outside_training():
    assert DropoutMasks(0.0, torch.float32).take(2, 2) is None
    masks = DropoutMasks(0.5, torch.float32)
    masks.active = False
    assert masks.take(2, 2) is None
