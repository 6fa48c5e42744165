import pytest

from roletune.training.batch import GRAIN, PREFIX_GRAIN, MicroBatch, shared_prefix
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
        assert part.segments == alone.segments


def test_the_number_of_rows_recurs():
    assert {MicroBatch.of([TokenSequence([1] * n, [True] * n)]).ids.shape[1] for n in (1, 5, GRAIN)} == {GRAIN}


PERSONA = list(range(100, 140))


def persona(*own, learnt=2):
    """A sequence that begins with the persona; its last `learnt` tokens are learnt."""
    ids = [*PERSONA, *own]
    return TokenSequence(ids, [at >= len(ids) - learnt for at in range(len(ids))])


def test_what_all_begin_with_stands_once_and_every_target_is_predicted_from_the_token_before_it():
    sequences = [persona(1, 2, 3), persona(4, 5, 6, 7)]
    batch = MicroBatch.of(sequences, share=True)
    prefix = batch.segments.prefix
    assert prefix == 32  # 40 in common, in steps of 16
    assert batch.tokens == sum(map(len, sequences))
    own = [sequence.ids[prefix:] for sequence in sequences]
    assert batch.ids[0, : batch.segments.rows].tolist() == [*PERSONA[:prefix], *own[0], *own[1]]
    assert batch.positions[0, : batch.segments.rows].tolist() == [*range(43), *range(32, 44)]
    assert batch.targets.tolist() == [2, 3, 6, 7]
    assert batch.ids[0, batch.rows].tolist() == [1, 2, 5, 6]


@pytest.mark.parametrize(
    ("sequences", "prefix"),
    [
        ([persona(1, 2)], 0),  # nobody to share with
        ([persona(1, 2), persona(1, 2)], 32),  # the very same: each keeps the tokens that it learns
        ([persona(1, 2), persona(3, learnt=25)], 0),  # a token learnt early belongs to its own sequence
        ([persona(1, 2), TokenSequence([5, *PERSONA], [False] * 40 + [True])], 0),
    ],
)
def test_only_what_all_begin_with_and_nobody_learns_is_shared(sequences, prefix):
    assert shared_prefix(sequences) == prefix
    assert prefix % PREFIX_GRAIN == 0
