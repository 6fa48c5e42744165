import pytest

from roletune.sources.licences import (
    Restriction,
    allows_commercial_use,
    conflicts,
    most_restrictive,
    restriction,
)


@pytest.mark.parametrize(
    ("written", "asks"),
    [
        ("public domain", "NONE"),
        ("CC0 1.0", "NONE"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "NONE"),
        ("MIT", "NOTICE"),
        ("Apache-2.0 (text written for this example; the character is not ours)", "NOTICE"),
        ("BSD-3-Clause", "NOTICE"),
        ("CC BY 4.0", "ATTRIBUTION"),
        ("cc-by-4.0", "ATTRIBUTION"),
        ("https://creativecommons.org/licenses/by/4.0/", "ATTRIBUTION"),
        ("CC-BY-SA", "SHARE_ALIKE"),
        ("Creative Commons Attribution-ShareAlike 4.0", "SHARE_ALIKE"),
        ("Creative Commons Attribution-Share Alike 3.0 Unported", "SHARE_ALIKE"),
        ("https://creativecommons.org/licenses/by-sa/4.0/", "SHARE_ALIKE"),
        ("GFDL", "SHARE_ALIKE"),
        ("CC BY-NC 4.0", "NON_COMMERCIAL"),
        ("for non-commercial use only", "NON_COMMERCIAL"),
        ("CC BY-NC-SA 3.0", "NON_COMMERCIAL_SHARE_ALIKE"),
        ("Attribution-NonCommercial-ShareAlike", "NON_COMMERCIAL_SHARE_ALIKE"),
        ("CC BY-ND 4.0", "NO_DERIVATIVES"),
        ("CC BY-NC-ND 4.0", "NO_DERIVATIVES"),
        ("© 2012, all rights reserved", "UNKNOWN"),
        ("", "UNKNOWN"),
        ("a licence of its own", "UNKNOWN"),
        ("mit freundlicher Genehmigung von sa propre main", "UNKNOWN"),
    ],
)
def test_a_licence_is_known_by_the_ways_it_is_written(written, asks):
    assert restriction(written) is Restriction[asks]


def test_the_most_restrictive_licence_wins_as_it_is_written():
    assert most_restrictive(["MIT", "CC BY-SA 4.0", "public domain"]) == "CC BY-SA 4.0"
    assert most_restrictive(["CC BY-NC 4.0", "CC BY-SA 4.0"]) == "CC BY-NC 4.0"
    assert most_restrictive(["CC BY-NC 4.0", ""]) == "unknown"
    assert most_restrictive([]) == ""


@pytest.mark.parametrize(
    ("licences", "allowed"),
    [
        ([], True),
        (["CC BY-SA 4.0", "MIT"], True),
        (["CC BY-ND 4.0"], True),
        (["CC BY-NC-ND 4.0"], False),
        (["MIT", "CC BY-NC 4.0"], False),
        (["MIT", ""], False),
    ],
)
def test_commercial_use_is_allowed_only_if_every_licence_is_known_to_allow_it(licences, allowed):
    assert allows_commercial_use(licences) is allowed


def test_licences_that_can_not_be_kept_together_are_named():
    (warning,) = conflicts(["CC BY-NC 4.0", "CC BY-SA 4.0", "MIT", "MIT"])
    assert warning.startswith("CC BY-SA 4.0 and CC BY-NC 4.0 can't both be kept")
    assert conflicts(["CC BY 4.0", "MIT", "CC BY-SA 4.0", ""]) == []
    assert conflicts(["CC BY-ND 4.0"])[0].startswith("CC BY-ND 4.0 allows nothing to be made")
