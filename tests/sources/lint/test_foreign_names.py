import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.records import Passage, Profile
from roletune.sources.lint.foreign_names import foreign_names
from roletune.sources.lint.names import find_names
from roletune.sources.profile import parse_profile

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
PROFILES = sorted((DATA / "character-llm" / "profiles").glob("*.txt"))
WHY = "texts of others are not part of the repository and are looked for in ../shared/data"
STRANGERS = ("Ankit Mishra", "Jessica Wilson", "Ryan Cooper", "Mei Zhang", "Lukas Schneider", "Carlos Mendoza")

HOUSE = (
    "Ada Lovegood keeps the lighthouse with her brother Tom Lovegood. Ada trims the lamp, and Tom rows out for oil.",
    "The physicist Ernest Pell visits once a year; he measures the fog. Captain Brine brought him the first time.",
    "Her friends are Tom, Captain Brine, Kavi Mehra and old Widow Sand. Widow Sand bakes; Brine eats what she bakes.",
)


def profile(*texts, name="Ada Lovegood", aliases=()):
    passages = tuple(Passage(id=str(k), text=text, source=f"profile.md#{k}") for k, text in enumerate(texts))
    return Profile(name=name, aliases=aliases, passages=passages)


def names(*texts):
    return [mention.name for mention in find_names(profile(*texts).passages).mentions]


def ranked(*texts, known=()):
    return [name.name for name in foreign_names(profile(*texts), known)]


def scores(*texts):
    return {name.name: name.score for name in foreign_names(profile(*texts))}


def test_a_stranger_in_an_enumeration_is_more_foreign_than_a_name_that_a_sentence_introduces():
    found = foreign_names(profile(*HOUSE))
    assert [name.name for name in found] == ["Kavi Mehra", "Ernest Pell"]
    assert found[0].reasons == (
        "none of its words is in another name",
        "it is one item of an enumeration",
        "it has the form of a person's full name",
        "no word introduces it",
        "nothing is said about it",
        "the names beside it are known from elsewhere",
    )
    assert HOUSE[found[0].passage][found[0].start :].startswith("Kavi Mehra")


def test_a_name_that_is_known_to_belong_is_not_foreign():
    assert ranked(*HOUSE, known=("Kavi",)) == ["Ernest Pell"]


def test_careless_typing_and_the_form_of_an_account_make_a_name_more_foreign():
    plain, careless = (
        foreign_names(profile(*HOUSE[:2], HOUSE[2].replace("Mehra", name)))[0] for name in ("Mehra", "Mehra/ boss")
    )
    assert careless.score == plain.score + 1.5 - 0  # the typing
    account = foreign_names(profile(*HOUSE[:2], HOUSE[2].replace("Kavi Mehra", "xx_kavi_99")))[0]
    assert (account.name, "it is written like the name of an account" in account.reasons) == ("xx_kavi_99", True)


def test_a_stranger_without_capitals_is_found_between_names():
    assert ranked(*HOUSE[:2], "Her friends are Tom, kavi mehra, Captain Brine and others.") == [
        "kavi mehra",
        "Ernest Pell",
    ]


def test_a_second_name_speaks_for_a_name():
    bare = scores("They are, Ann Bell, Cal Dorn, Eve Fisk and Gus Hale.")
    told = scores("They are, Ann Bell/Owl, Cal Dorn/Fox, Eve Fisk (the Hen) and Gus Hale/Ox.")
    assert set(bare) == {"Ann Bell", "Cal Dorn", "Eve Fisk", "Gus Hale"}
    assert all(told[name] <= bare[name] - 2 for name in bare)


def test_a_surname_that_others_have_ties_a_name_to_them():
    found = scores(HOUSE[0], "Tom, Brine, Lea Brine, Kim Roe and Tom.")
    assert found["Kim Roe"] >= found["Lea Brine"] + 3


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("He met J. K. Rowan and O'Brien-Smith.", ["J. K. Rowan", "O'Brien-Smith"]),
        ("It was Anne of Cleves's cousin, Dr. Mary van der Berg.", ["Anne of Cleves", "Dr. Mary van der Berg"]),
        ("Although it rained, Émile Zöllner came. Although Zöllner left.", ["Émile Zöllner", "Zöllner"]),
        ("Vieles mag Иван Петров.", ["Иван Петров"]),
        ("他的朋友有阿曼·潘迪和托尼。", ["阿曼·潘迪"]),
        ("nothing here", []),
    ],
)
def test_names_are_runs_of_capitals_without_what_only_starts_a_sentence(text, found):
    assert [name for name in names(text) if name != "Vieles"] == found


def test_an_enumeration_is_as_long_as_the_names_between_commas():
    mentions = find_names(profile("He likes Ann (a nurse), Bob, the Carol and Dan. He saw Eve run.").passages).mentions
    assert [(mention.name, mention.listed) for mention in mentions] == [
        ("Ann", 4),
        ("Bob", 4),
        ("Carol", 4),
        ("Dan", 4),
        ("Eve", 1),
    ]


@given(st.lists(st.text(alphabet="AaBbéЖ阿·.,;:/()@_'’ \n-0!", max_size=200), max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_text_is_ranked_and_every_name_stands_where_it_is_said_to(texts):
    for name in foreign_names(profile(*texts)):
        assert texts[name.passage][name.start : name.start + len(name.name)] == name.name


def test_a_hostile_text_takes_no_time():
    for text in ("A, " * 3000, "a_" * 5000, "A " * 5000, "[1]" * 5000, "(" * 5000, " " * 9000, "·阿" * 3000):
        foreign_names(profile(text))


@pytest.mark.skipif(not DATA.exists(), reason=WHY)
def test_the_vandalism_of_the_seed_s_profile_ranks_first():
    text = parse_profile((DATA / "nyu-jarvis" / "profile.txt").read_text("utf-8"), "profile.txt")
    found = foreign_names(Profile(name="JARVIS", passages=text.passages))
    assert found[0].name == "Aman Pandey"
    assert {"Thor", "Hawkeye"} < {name.name for name in found}


@pytest.mark.skipif(not PROFILES, reason=WHY)
def test_a_stranger_put_into_an_enumeration_of_a_long_profile_is_mostly_among_the_first_three():
    rng = random.Random(11)
    ranks = [_rank_of(stranger, path, rng) for path in PROFILES for stranger in STRANGERS]
    assert sorted(ranks)[len(ranks) // 2] <= 2
    assert sum(rank <= 3 for rank in ranks) / len(ranks) >= 0.75


def _rank_of(stranger, path, rng):
    passages = list(parse_profile(path.read_text("utf-8"), path.name).passages)
    place = rng.choice([mention for mention in find_names(passages).mentions if mention.listed >= 3])
    text = passages[place.passage].text
    before = rng.random() < 0.5
    cut = place.start if before else place.end
    item = f"{stranger}, " if before else f", {stranger}"
    passages[place.passage] = passages[place.passage].model_copy(update={"text": text[:cut] + item + text[cut:]})
    found = [name.name for name in foreign_names(Profile(name=path.stem, passages=tuple(passages)))]
    assert re.search(rf"\b{stranger}\b", passages[place.passage].text)
    return found.index(stranger) + 1 if stranger in found else 999
