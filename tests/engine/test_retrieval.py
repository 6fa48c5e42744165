import pytest

from roletune.engine.retrieval import Bm25

TEXTS = ["the lamp is green", "the green gull stole the lamp oil", "herrings burn", "灯塔是绿色的"]


@pytest.mark.parametrize(
    ("query", "found"),
    [("green lamp", [0, 1]), ("gull lamp", [1, 0]), ("herrings", [2]), ("那座灯塔", [3]), ("kettle", []), ("", [])],
)
def test_texts_are_found_by_the_words_they_share_the_best_first(query, found):
    assert Bm25(TEXTS).search(query, 5) == found


def test_a_word_is_found_in_its_other_forms():
    assert Bm25(["he drinks tea", "they sleep"]).search("drinking", 5) == [0]


def test_of_equals_the_first_comes_first_and_no_more_than_asked_for():
    assert Bm25(["tea", "tea", "tea"]).search("tea", 2) == [0, 1]


def test_no_text_is_found_in_none():
    assert Bm25([]).search("tea", 5) == []


def test_the_score_is_that_of_the_paper():
    index = Bm25(["tea tea pot", "pot"])
    # idf ln(1 + (2 - 1 + 0.5) / (1 + 0.5)) = ln 2; tf 2 of length 3, mean 2: 2 * 2.5 / (2 + 1.5 * (0.25 + 0.75 * 1.5))
    assert index._score(["tea"], 0) == pytest.approx(0.6931472 * 5 / 4.0625)
