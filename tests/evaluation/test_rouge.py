import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import EvaluationError
from roletune.evaluation.rouge import is_unspaced, rouge_l, rouge_l_recall, spaced


def test_the_words_of_one_common_subsequence_count_over_the_distinct_words():
    found = rouge_l("the cat sat on the mat", ["the cat lay on a mat today"])
    assert found.recall == pytest.approx(4 / 7)  # the, cat, on, mat
    assert found.precision == pytest.approx(4 / 5)  # "the" is said twice and counts once
    assert found.f1 == pytest.approx(2 / 3)


def test_order_matters_within_a_sentence_and_not_between_sentences():
    assert rouge_l_recall("b a", ["a b"]) == 0.5
    assert rouge_l_recall("b.a", ["a b"]) == 1.0  # each sentence adds its words to one set


def test_case_and_punctuation_are_kept():
    assert rouge_l_recall("Yes, Sir!", ["yes, sir!"]) == 0.0
    assert rouge_l_recall("Yes, Sir", ["Yes, Sir!"]) == 0.5


def test_which_of_two_equally_long_subsequences_is_traced_is_settled():
    # "b a" shares either word with "a b c"; b is taken, so that "a c" has two words to add.
    assert rouge_l_recall("b a.a c", ["a b c"]) == 1.0
    assert rouge_l_recall("b a.b c", ["a b c"]) == pytest.approx(2 / 3)


def test_a_blank_piece_between_full_stops_is_a_word_as_in_the_package_that_set_the_numbers():
    assert rouge_l_recall("Come. ", ["Go. "]) == 0.5
    assert rouge_l_recall("Come.", ["Go."]) == 0.0


def test_of_several_references_the_one_with_the_best_f1_gives_the_recall():
    # The first has the higher recall (1), the second the higher F1.
    assert rouge_l_recall("a b c d e f", ["a", "a b c d x y"]) == pytest.approx(4 / 6)
    assert rouge_l_recall("a b", "a b c d") == 0.5  # one reference may come without its list


def test_an_empty_answer_scores_zero_and_no_reference_is_an_error():
    assert rouge_l("", ["a"]) == (0.0, 0.0, 0.0)
    with pytest.raises(EvaluationError, match="no reference"):
        rouge_l_recall("a", [])


@pytest.mark.parametrize("where", ["hypothesis", "reference"])
def test_chinese_that_is_not_cut_into_words_is_refused(where):
    text, cut = "俺乃燕人张翼德也，谁敢与我决一死战？", "谁 敢 与 我"
    with pytest.raises(EvaluationError, match="--language zh"):
        rouge_l_recall(*((text, [cut]) if where == "hypothesis" else (cut, [text])))
    assert rouge_l_recall(spaced(text, "zh"), [spaced(text, "zh")]) == 1.0


def test_words_of_chinese_and_english_with_a_chinese_quotation_are_fine():
    assert not is_unspaced("俺 乃 燕人 张翼德 也")
    assert not is_unspaced("He said 一帆风顺 and left for the harbour before the sun had come up")
    assert is_unspaced("ありがとうございました")
    assert not is_unspaced("李白")
    assert not is_unspaced("")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("abc."), max_size=14), st.lists(st.sampled_from("abcd."), max_size=14))
def test_shares_are_shares_and_a_longer_answer_never_loses_recall(hypothesis, reference):
    answer, wanted = " ".join(hypothesis), " ".join(reference)
    found = rouge_l(answer, [wanted])
    assert all(0 <= share <= 1 for share in found)
    assert rouge_l_recall(f"{answer}.{wanted}", [wanted]) >= found.recall


def test_long_texts_do_not_exhaust_the_stack():
    words = [str(random.Random(k).randrange(50)) for k in range(1500)]
    assert rouge_l_recall(" ".join(words), [" ".join(words)]) == 1.0
