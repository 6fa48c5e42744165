from roletune.training.batch import GRAIN, MicroBatch
from roletune.training.sequences import TokenSequence

FIRST = TokenSequence([5, 6, 7], [False, True, True])
SECOND = TokenSequence([8, 9], [True, True])  # its first token can't be predicted


def test_rows_predict_the_supervised_tokens_and_positions_restart():
    batch = MicroBatch.of([FIRST, SECOND])
    assert batch.ids[0, :5].tolist() == [5, 6, 7, 8, 9]
    assert batch.positions[0, :5].tolist() == [0, 1, 2, 0, 1]
    assert batch.rows.tolist() == [0, 1, 3]
    assert batch.targets.tolist() == [6, 7, 9]
    assert (batch.tokens, batch.supervised) == (5, FIRST.supervised + SECOND.supervised)


def test_a_batch_splits_into_what_each_sequence_makes_alone():
    for part, sequence in zip(MicroBatch.of([FIRST, SECOND]).split(), [FIRST, SECOND], strict=True):
        alone = MicroBatch.of([sequence])
        assert part.ids.tolist() == [list(sequence.ids)]
        assert part.positions.tolist() == [list(range(len(sequence)))]
        assert (part.rows.tolist(), part.targets.tolist()) == (alone.rows.tolist(), alone.targets.tolist())
        assert part.lengths == alone.lengths


def test_the_number_of_rows_recurs():
    assert {MicroBatch.of([TokenSequence([1] * n, [True] * n)]).ids.shape[1] for n in (1, 5, GRAIN)} == {GRAIN}
