"""What is costly to make and shared by the tests of several verbs."""

import asyncio

import pytest
from tests.character import make_character, workbench
from tests.inference import tiny

from roletune import pipeline

OVERRIDES = {"rank": 2, "epochs": 1, "max_tokens": 2048, "evaluations_per_epoch": 1, "dtype": "float32"}


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A trained character and its tiny random base; to be read, not changed."""
    place = tmp_path_factory.mktemp("trained")
    base = tiny.base_folder(place / "base", "Llama", context=4096)
    folder = make_character(
        place / "mira",
        base=str(base),
        notice="Mira belongs to nobody.",
        chat={"temperature": 0.3, "partner": "Olaf"},
        scenes={"count": 0},
        protective={"count": 0},
        train={"overrides": OVERRIDES},
    )

    async def session():
        async with workbench(folder) as bench:
            await pipeline.make(bench, "train")

    asyncio.run(session())
    return folder, base
