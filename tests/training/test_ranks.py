import pytest

from roletune.training import checkpoint
from roletune.training.ranks import Ranks, launched
from roletune.training.sequences import divide

from .launches import assert_same_training, run_two, small_call, train_alone


@pytest.fixture
def call(tiny_base, tiny_sequences):
    return small_call(tiny_base, tiny_sequences)


def test_two_processes_go_on_from_a_checkpoint_and_train_what_one_does(call, tmp_path):
    train_alone(call, tmp_path / "alone")

    def interrupt(point):
        if point.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # after the checkpoint of step 1
        train_alone(call, tmp_path / "two", interrupt)
    # Of the last step's single conversation the second process has nothing to compute.
    run_two("train_as_rank.py", call, tmp_path / "two", tmp_path)
    assert_same_training(tmp_path / "alone", tmp_path / "two")
    assert not (tmp_path / "two" / checkpoint.FILE).exists()


def test_shares_hold_every_sequence_once_and_about_as_many_tokens(tiny_sequences):
    sequences = tiny_sequences([50, 10, 20, 30, 20])
    shares = divide(sequences, 2)
    assert sorted(s.source for share in shares for s in share) == [s.source for s in sequences]
    assert [sum(map(len, share)) for share in shares] == [70, 60]
    assert divide(sequences, 1) == [sequences]
    assert divide(sequences[:1], 2) == [sequences[:1], []]


def test_alone_there_is_nobody_to_sum_with():
    ranks = Ranks.current()
    assert ranks == Ranks(0, 1)
    assert (ranks.first, ranks.sum(2.5), ranks.from_first("a")) == (True, 2.5, "a")
    with launched() as working:
        assert working
