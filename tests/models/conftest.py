"""The packaged model, resolved and prepared once; preparations stay in the user's cache, as they do in real use."""

import pytest

from roletune.models.dequantise import trainable_folder
from roletune.models.weights import resolve


@pytest.fixture(scope="session")
def smollm2():
    return resolve("smollm2-135m-instruct")


@pytest.fixture(scope="session")
def smollm2_folder(smollm2):
    return trainable_folder(smollm2)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache for one test."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("ROLETUNE_CACHE", str(cache))
    return cache
