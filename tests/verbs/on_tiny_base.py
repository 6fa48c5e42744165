"""A small character on a base of random weights, for tests that really train."""

from tests.character import make_character
from tests.inference import tiny


def on_tiny_base(place, **settings):
    """Its folder, in `place`; nothing is written for it, so only what it has is learnt."""
    base = tiny.base_folder(place / "base", "Llama", context=4096)
    return make_character(place / "mira", base=str(base), scenes={"count": 0}, protective={"count": 0}, **settings)
