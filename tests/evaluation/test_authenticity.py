"""The voice classifier: tells two voices apart where they differ, and says so where they don't."""

import random

import pytest

from roletune.errors import EvaluationError
from roletune.evaluation.authenticity import Line, auc, learn_voice, measure_voice, phrase_use, without_names

pytest.importorskip("numpy")

THINGS = ["lamp", "gull", "tide", "parcel", "ladder", "stove", "chart", "rope", "kettle", "boat", "reef", "glass"]


def lines(own, other, scenes=12, each=6, seed=1):
    """Scenes in which one says `own` and the others say `other`, about changing things."""
    draw = random.Random(seed)
    return [
        Line((own if k % 2 else other).format(*draw.sample(THINGS, 3)), f"scene {scene}", bool(k % 2))
        for scene in range(scenes)
        for k in range(2 * each)
    ]


FORMAL = "Very good, sir. Shall the {} be brought round before the {}, or the {}?"
CASUAL = "hey dude wanna grab that {} an' the {} lol, {}"


def test_unlike_voices_are_told_apart_in_scenes_left_out():
    found = measure_voice(lines(FORMAL, CASUAL), (), resamples=100)
    assert found.auc.value > 0.99
    assert found.auc.n == 12
    assert found.own.value > 0.95 > 0.05 > found.others.value


def test_one_voice_is_not_told_from_itself():
    found = measure_voice(lines(CASUAL, CASUAL, scenes=12), (), resamples=80)
    assert found.auc.low < 0.5 < found.auc.high


def test_a_voice_known_by_what_one_scene_is_about_is_not_taken_for_style():
    def about(scene, k):
        return f"{'own' if k % 2 else 'other'}{scene} {THINGS[k]}"

    told = [Line(about(scene, k), str(scene), bool(k % 2)) for scene in range(8) for k in range(12)]
    together = [Line(line.text, str(k), line.own) for k, line in enumerate(told)]
    assert measure_voice(together, (), resamples=50).auc.value >= measure_voice(told, (), resamples=50).auc.value


def test_names_do_not_give_away_who_speaks():
    assert without_names("Olaf, ask Olafson or olaf.", ["Olaf"]) == "□, ask Olafson or □."
    named = lines("Olaf, the {} and the {} and the {}.", "Mira, the {} and the {} and the {}.", scenes=12)
    assert measure_voice(named, (), resamples=50).auc.value > 0.99
    assert measure_voice(named, ["Mira", "Olaf"], resamples=80).auc.low < 0.6


def test_replies_in_the_voice_are_taken_for_the_characters():
    voice = learn_voice(lines(FORMAL, CASUAL), ())
    formal, casual = voice.scores(["Very good, sir. Shall the anchor be brought?", "hey dude grab the anchor lol"])
    assert formal > 0 > casual


def test_too_few_lines_have_no_classifier():
    assert measure_voice(lines(FORMAL, CASUAL, scenes=3), ()) is None
    assert measure_voice([line for line in lines(FORMAL, CASUAL) if line.own], ()) is None
    with pytest.raises(EvaluationError, match="other people's"):
        learn_voice([Line("Aye.", "a", True)], ())


def test_the_area_is_the_share_of_pairs_in_order():
    assert auc([2, 3], [0, 1]) == 1
    assert auc([1], [1]) == 0.5
    assert auc([0, 2], [1, 1]) == 0.5


def test_catchphrases_are_found_as_whole_words_whatever_the_commas():
    found = phrase_use(["At your service, sir.", "at your service!", "Flat your services"], ["At your service"])
    assert (found.count, found.n) == (2, 3)
    assert phrase_use(["Aye."], []) is None
    assert phrase_use([], ["aye"]) is None
