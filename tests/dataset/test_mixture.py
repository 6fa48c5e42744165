from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from roletune.dataset.mixture import MixtureSettings, mix
from roletune.errors import DatasetError

from .made import dialogue

DIALOGUES = [
    *(dialogue(f"a{k}", origin="authentic") for k in range(4)),
    *(dialogue(f"w{k}") for k in range(10)),
    *(dialogue(f"g{k}", origin="generated") for k in range(20)),
    dialogue("held", split="test"),
]


def origins(dialogues):
    return Counter(one.origin for one in dialogues if one.split == "train")


def test_without_a_mixture_everything_stays():
    assert mix(DIALOGUES, None) == (DIALOGUES, [])


def test_as_few_dialogues_as_possible_are_left_out_for_the_shares_and_no_held_out_one():
    kept, left_out = mix(DIALOGUES, MixtureSettings(authentic=0.4, written=0.3, generated=0.3))
    assert origins(kept) == {"authentic": 4, "written": 3, "generated": 3}
    assert kept == [one for one in DIALOGUES if one in kept]
    assert kept[-1].id == "held"
    assert len(kept) + len(left_out) == len(DIALOGUES)
    assert Counter((row.reason, row.detail) for row in left_out) == {
        ("left out by the mixture", "written"): 7,
        ("left out by the mixture", "generated"): 17,
    }


def test_the_seed_decides_which_are_left_out_and_an_origin_without_a_share_goes():
    drawn = {seed: mix(DIALOGUES, MixtureSettings(authentic=0.5, generated=0.5, seed=seed))[0] for seed in (0, 0, 1)}
    assert origins(drawn[0]) == origins(drawn[1]) == {"authentic": 4, "generated": 4}
    assert drawn[0] != drawn[1]


@given(parts=st.lists(st.integers(1, 9), min_size=3, max_size=3))
@settings(max_examples=60, deadline=None)
def test_shares_are_met_to_one_dialogue(parts):
    wanted = dict(zip(("authentic", "written", "generated"), (part / sum(parts) for part in parts), strict=True))
    try:
        counts = origins(mix(DIALOGUES, MixtureSettings(**wanted))[0])
    except DatasetError:
        assert 4 / max(wanted.values()) * min(wanted.values()) < 6  # something rounds to none
        return
    assert all(abs(counts[name] - share * counts.total()) <= 2 for name, share in wanted.items())
    assert any(counts[name] == {"authentic": 4, "written": 10, "generated": 20}[name] for name in wanted)


def test_a_share_of_what_is_not_there_is_refused_with_what_to_do():
    with pytest.raises(DatasetError, match=r"0 authentic, 10 written, 20 generated .*Get more authentic .*0 leaves"):
        mix(DIALOGUES[4:], MixtureSettings(authentic=0.5, written=0.5))


def test_shares_that_are_no_whole_are_refused():
    with pytest.raises(ValidationError, match=r"add up to 0\.9"):
        MixtureSettings(authentic=0.5, written=0.4)
