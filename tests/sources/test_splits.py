from collections import Counter

import pytest
from pydantic import ValidationError

from roletune.sources.splits import SplitSettings, split_of

SETTINGS = SplitSettings()


def test_splits_are_the_same_on_every_machine_and_in_every_version():
    golden = "v.v...........t"  # made with sha256sum: train, validation, test
    splits = [split_of(f"dialogues/a.md#scene-{k}", SETTINGS) for k in range(15)]
    assert "".join({"train": ".", "validation": "v", "test": "t"}[split] for split in splits) == golden


@pytest.mark.parametrize(("validation", "test"), [(0.1, 0.1), (0.3, 0.05), (0, 0.5), (0, 0)])
def test_the_shares_are_kept_over_many_sources(validation, test):
    settings = SplitSettings(validation=validation, test=test)
    counts = Counter(split_of(f"source {k}", settings) for k in range(20_000))
    assert counts["validation"] / 20_000 == pytest.approx(validation, abs=0.01)
    assert counts["test"] / 20_000 == pytest.approx(test, abs=0.01)


def test_a_larger_share_takes_items_in_and_moves_none_out():
    wide = SplitSettings(test=0.3)
    sources = [f"source {k}" for k in range(500)]
    assert all(split_of(s, wide) == "test" for s in sources if split_of(s, SETTINGS) == "test")


def test_another_seed_is_another_split():
    other = SplitSettings(seed=1)
    assert any(split_of(f"s{k}", SETTINGS) != split_of(f"s{k}", other) for k in range(50))


@pytest.mark.parametrize("values", [{"validation": 0.5, "test": 0.5}, {"test": 1}, {"test": -0.1}, {"tset": 0.1}])
def test_settings_that_leave_nothing_to_train_on_are_refused(values):
    with pytest.raises(ValidationError):
        SplitSettings(**values)
