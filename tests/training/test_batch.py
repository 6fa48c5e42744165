from roletune.training.batch import MicroBatch
from roletune.training.sequences import TokenSequence

FIRST = TokenSequence([5, 6, 7], [False, True, True])
SECOND = TokenSequence([8, 9], [True, True])  # its first token can't be predicted


def test_rows_predict_the_supervised_tokens_and_positions_restart():
    batch = MicroBatch.of([FIRST, SECOND])
    assert batch.ids.tolist() == [[5, 6, 7, 8, 9]]
    assert batch.positions.tolist() == [[0, 1, 2, 0, 1]]
    assert batch.rows.tolist() == [0, 1, 3]
    assert batch.targets.tolist() == [6, 7, 9]
    assert (batch.tokens, batch.supervised) == (5, FIRST.supervised + SECOND.supervised)


def test_a_batch_splits_into_what_each_sequence_makes_alone():
    for part, sequence in zip(MicroBatch.of([FIRST, SECOND]).split(), [FIRST, SECOND], strict=True):
        alone = MicroBatch.of([sequence])
        for name in ("ids", "positions", "rows", "targets"):
            assert getattr(part, name).tolist() == getattr(alone, name).tolist()
        assert part.lengths == alone.lengths
