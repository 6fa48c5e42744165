import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.records import Dialogue, Profile, Provenance, Scene, Turn
from roletune.sources.catchphrases import CatchphraseSettings, find_catchphrases

ADA = Profile(name="Ada", aliases=("A.D.A.",))
OTHER = "Well now, I could not say, but the sea is high and Tom is late again today."


def dialogue(number, *turns, origin="authentic"):
    provenance = Provenance(source=f"s{number}")
    scene = Scene(id=f"s{number}", provenance=provenance)
    made = tuple(Turn(speaker=speaker, text=text) for speaker, text in turns)
    return Dialogue(id=f"d{number}", scene=scene, turns=made, origin=origin, split="train", provenance=provenance)


def scenes(*lines, origin="authentic", speaker="Ada"):
    return [
        dialogue(k, ("Tom", f"{OTHER} Day {k}."), (speaker, line), ("Tom", OTHER), origin=origin)
        for k, line in enumerate(lines)
    ]


SIGNED = (
    "Mind the lamp, Tom. It burns.",
    "So it is; mind the lamp!",
    "Never. Mind the LAMP, all of you.",
    "Mind the lamp.",
)


def texts(*args, **more):
    return [phrase.text for phrase in find_catchphrases(*args, **more)]


def test_what_the_character_says_again_and_again_and_others_do_not_is_found_in_its_longest_form():
    (phrase,) = find_catchphrases(scenes(*SIGNED), ADA)
    assert (phrase.text, phrase.count, phrase.scenes, phrase.others) == ("Mind the lamp", 4, 4, 0)
    assert phrase.score > 6.63


def test_aliases_are_the_character_and_others_are_not():
    assert texts(scenes(*SIGNED, speaker="A.D.A."), ADA) == ["Mind the lamp"]
    assert texts(scenes(*SIGNED, speaker="Eve"), ADA) == []


def test_what_everybody_says_is_no_catchphrase():
    everybody = [dialogue(k, ("Ada", "Mind the lamp."), ("Tom", "Mind the lamp."), ("Ada", OTHER)) for k in range(9)]
    assert "Mind the lamp" not in texts(everybody, ADA)


def test_what_is_said_in_one_scene_only_is_no_catchphrase():
    once = [dialogue(0, *[("Ada", "Mind the lamp."), ("Tom", OTHER)] * 5), *scenes("No.", "Yes.", "Hm.")]
    assert texts(once, ADA) == []


def test_words_from_the_middle_of_a_clause_are_no_catchphrase():
    middle = [f"{word} think that of the many {word}s" for word in ("I", "They", "Some", "You", "We")]
    found = texts(scenes(*middle), ADA)
    assert not {"of the many", "that of the", "of the"} & set(found)


def test_names_of_speakers_are_no_catchphrase():
    assert texts(scenes("Tom, old Tom, Tom!", "Tom? Tom.", "Tom! Tom!", "Oh Tom, Tom."), ADA) == []


def test_written_lines_count_only_where_none_are_authentic():
    written = scenes(*SIGNED, origin="written")
    assert texts(written, ADA) == ["Mind the lamp"]
    assert texts([*written, *scenes("No.")], ADA) == []
    assert texts(scenes(*SIGNED, origin="generated"), ADA) == []


def test_chinese_counts_by_character():
    lines = ("小心灯火。", "你来了？小心灯火！", "小心灯火，汤姆。", "小心灯火。夜深了。")
    assert texts(
        [dialogue(k, ("汤姆", "今天海上的浪很高，我不知道。"), ("Ada", line)) for k, line in enumerate(lines)], ADA
    ) == ["小心灯火"]


def test_no_more_phrases_are_given_than_asked_for_the_most_telling_first():
    lines = [f"Mind the lamp. {'Aye and no. ' if k % 2 else ''}" for k in range(8)]
    assert texts(scenes(*lines), ADA, settings=CatchphraseSettings(count=1)) == ["Mind the lamp"]
    assert texts(scenes(*lines), ADA)[:2] == ["Mind the lamp", "Aye and no"]


@pytest.mark.parametrize("dialogues", [[], [dialogue(0)], [dialogue(0, ("Ada", "...")), dialogue(1, ("Ada", ""))]])
def test_nothing_said_gives_nothing(dialogues):
    assert find_catchphrases(dialogues, ADA) == ()


@given(st.lists(st.text(alphabet="ab灯. ,'—", max_size=40), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_phrase_is_always_something_that_was_said(lines):
    said = " ".join(" ".join(lines).split())
    loose = CatchphraseSettings(min_scenes=1, significance=0, one_word=0, clause=0)
    for phrase in find_catchphrases(scenes(*lines), ADA, settings=loose):
        assert phrase.text in said
        assert phrase.count >= phrase.scenes >= 1
