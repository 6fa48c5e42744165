"""The packaged model's tokenizer, for the tests marked `model`."""

import pytest

from roletune.rendering.template import Renderer


@pytest.fixture(scope="session")
def smollm2():
    from roletune.models.dequantise import trainable_folder
    from roletune.models.load import load_tokenizer
    from roletune.models.weights import resolve

    return Renderer(load_tokenizer(trainable_folder(resolve("smollm2-135m-instruct"))))
