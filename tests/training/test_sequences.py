import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.errors import DatasetError
from roletune.training.sequences import TokenSequence, epoch_steps, micro_batches, prepare


def sequence(mask):
    return TokenSequence(list(range(len(mask))), [c == "x" for c in mask])


def test_what_follows_the_last_learnt_token_is_cut():
    assert sequence("..xx.x...").cut().ids == [0, 1, 2, 3, 4, 5]
    assert len(sequence("....").cut()) == 0
    assert len(sequence("x...").cut()) == 0  # nothing precedes the first token: it can't be learnt


def test_statistics_count_what_is_computed():
    kept, statistics = prepare([sequence("..xx.."), sequence("...."), sequence("x.x")], 10)
    assert [len(s) for s in kept] == [4, 3]
    assert (statistics.tokens, statistics.supervised, statistics.longest, statistics.without_loss) == (7, 3, 4, 1)
    assert statistics.supervised_share == pytest.approx(3 / 7)


def test_data_with_nothing_to_learn_is_refused():
    with pytest.raises(DatasetError, match="no token to learn"):
        prepare([sequence("....")], 10)
    with pytest.raises(DatasetError, match="validation examples"):
        prepare([], 10, "validation")


def test_data_in_which_everything_is_learnt_is_refused():
    with pytest.raises(DatasetError, match="Every token"):
        prepare([sequence("xxxx"), sequence(".xx")], 10)


def test_a_sequence_that_is_too_long_is_refused_not_truncated():
    with pytest.raises(DatasetError, match=r"1 of 2 training examples .* max_tokens = 4"):
        prepare([sequence("..x"), sequence("....x")], 4)


def test_the_order_depends_on_seed_and_epoch_alone():
    data = [sequence("." * n + "x") for n in range(1, 12)]
    first = epoch_steps(data, 4, seed=1, epoch=0)
    assert [len(step) for step in first] == [4, 4, 3]
    assert first == epoch_steps(data, 4, seed=1, epoch=0)
    assert first != epoch_steps(data, 4, seed=1, epoch=1)
    assert first != epoch_steps(data, 4, seed=2, epoch=0)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 60))
def test_micro_batches_hold_every_sequence_once_within_the_budget(lengths, budget):
    data = [TokenSequence([k] * n, [False] * n) for k, n in enumerate(lengths)]
    parts = micro_batches(data, budget)
    assert sorted(s.ids[0] for part in parts for s in part) == list(range(len(lengths)))
    assert all(sum(map(len, part)) <= budget or len(part) == 1 for part in parts)
