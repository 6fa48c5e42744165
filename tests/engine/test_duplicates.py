import random

from hypothesis import given
from hypothesis import strategies as st

from roletune.engine import duplicates
from roletune.engine.duplicates import Duplicate, jaccard, near_duplicates, words_of

TEXTS = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=6).map(" ".join), max_size=8)


def test_a_repetition_is_found_with_its_earlier_text_and_similarity():
    texts = ["the kettle is on", "it rains on the roof", "The kettle is ON!", "the kettle is off"]
    assert near_duplicates(texts, 0.9) == [Duplicate(0, 2, 1.0)]
    assert near_duplicates(texts, 0.6) == [Duplicate(0, 2, 1.0), Duplicate(0, 3, 0.6)]


def test_the_most_similar_earlier_text_is_named_and_the_first_of_equals():
    assert near_duplicates(["a b c", "a b c d", "a b c d"], 0.5)[-1] == Duplicate(1, 2, 1.0)
    assert near_duplicates(["a b", "a b", "a b"], 0.5)[-1] == Duplicate(0, 2, 1.0)


@given(TEXTS, st.floats(0.1, 1))
def test_it_is_what_comparing_every_pair_gives(texts, threshold):
    sets = [words_of(text) for text in texts]
    expected = [k for k in range(len(sets)) if any(jaccard(sets[j], sets[k]) >= threshold for j in range(k))]
    found = near_duplicates(texts, threshold)
    assert [pair.later for pair in found] == expected
    assert all(jaccard(sets[pair.earlier], sets[pair.later]) == pair.similarity >= threshold for pair in found)


def test_words_are_lower_case_and_a_script_without_spaces_counts_by_sign():
    assert words_of("Don't STOP, don't 42!") == {"don't", "stop", "42"}
    assert words_of("我是谁") == {"我", "是", "谁"}


def test_words_with_accents_stay_words():
    assert words_of("König, déjà vu") == {"könig", "déjà", "vu"}


def test_texts_without_words_repeat_nothing():
    assert near_duplicates(["", "...", ""], 0.5) == []


def test_many_texts_are_compared_by_minhash_with_the_same_answer():
    draw = random.Random(0)
    words = [f"word{k}" for k in range(4000)]
    texts = [" ".join(draw.sample(words, 40)) for _ in range(duplicates._EXACT_BELOW + 50)]
    repeats = {len(texts) + k: 7 * k for k in range(20)}
    texts += [texts[earlier] + " again" for earlier in repeats.values()]
    assert [(pair.later, pair.earlier) for pair in near_duplicates(texts, 0.8)] == list(repeats.items())
