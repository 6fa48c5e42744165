import pytest

from roletune.records import Passage, Profile
from roletune.sources.lint.licence_conflicts import licence_conflicts, terms


def found(*licences):
    passages = tuple(Passage(id=str(k), text="x", source=f"p#{k}", licence=one) for k, one in enumerate(licences))
    return licence_conflicts(Profile(name="Ada", passages=passages))


@pytest.mark.parametrize(
    ("licence", "known"),
    [
        ("CC BY-SA 3.0", {"by", "sa"}),
        ("cc-by-nc-sa-4.0", {"by", "nc", "sa"}),
        ("Creative Commons Attribution-ShareAlike License", {"by", "sa"}),
        ("Creative Commons Attribution-NonCommercial-NoDerivatives 4.0", {"by", "nc", "nd"}),
        ("GNU Free Documentation License", {"gfdl"}),
        ("GFDL and CC BY-SA 3.0", {"gfdl", "by", "sa"}),
        ("CC0", set()),
        ("MIT", set()),
        ("public domain", set()),
    ],
)
def test_terms_are_read_as_people_write_them(licence, known):
    assert terms(licence) == known


@pytest.mark.parametrize(
    "licences",
    [
        ("CC BY-SA 3.0", "CC BY-SA 4.0"),
        ("CC BY 4.0", "CC BY-NC 4.0"),
        ("", ""),
        ("GFDL and CC BY-SA 3.0", "CC BY-SA 4.0"),
    ],
)
def test_licences_that_go_together_are_no_finding(licences):
    assert found(*licences) == []


@pytest.mark.parametrize("other", ["CC BY-NC 4.0", "CC BY-NC-SA 3.0"])
@pytest.mark.parametrize("turned", [False, True])
def test_share_alike_and_non_commercial_contradict_each_other(other, turned):
    (finding,) = found(*(["CC BY-SA 4.0", other][:: -1 if turned else 1]))
    assert finding.message.startswith(f"'CC BY-SA 4.0' and {other!r} can't both hold")
    assert sorted(finding.where.split(", ")) == ["p#0", "p#1"]


def test_what_forbids_derived_works_or_everything_is_found_at_its_place():
    assert [(f.message.split(" allows ")[0], f.where) for f in found("CC BY-ND 4.0", "All rights reserved")] == [
        ("'All rights reserved'", "p#1"),
        ("'CC BY-ND 4.0'", "p#0"),
    ]


def test_a_passage_without_a_licence_among_others_is_a_note():
    (finding,) = found("CC BY 4.0", "")
    assert (finding.severity, finding.where) == ("note", "p#1")
    assert finding.message.startswith("1 of 2 passages")
