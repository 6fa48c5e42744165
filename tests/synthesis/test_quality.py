import pytest

from roletune.records import Profile
from roletune.synthesis import quality
from roletune.synthesis.quality import FILTERS, QualitySettings, judge

from .made import GOOD, PROFILE, dialogue

SETTINGS = QualitySettings()
BAD = {
    quality.wrong_number: (dialogue(*GOOD[:3]), "too few turns of the character"),
    quality.monologue: (dialogue(*[line for line in GOOD * 2 if line.startswith("JARVIS")]), "nobody else speaks"),
    quality.wrong_length: (dialogue(*GOOD, "Tony: " + "so " * 91 + "long."), "a turn is too long"),
    quality.assistant_speak: (dialogue(*GOOD, "JARVIS: As an AI language model, I have no time."), "assistant-speak"),
    quality.scene_talk: (dialogue(*GOOD, "Tony: That ends the scene."), "talks about the scene"),
    quality.third_person: (
        dialogue("Tony: Hello.", "JARVIS: JARVIS is here.", "Tony: Good.", "JARVIS: Yes, JARVIS is glad."),
        "the character speaks of itself by name",
    ),
    quality.repetition: (dialogue(*GOOD, "Tony: Quite. What is the time in Malibu?"), "repeats itself"),
    quality.one_sided: (
        dialogue(*GOOD, "Tony: Good.", "Tony: Very well then.", "Tony: Off I go."),
        "one speaker goes on and on",
    ),
    quality.cut_off: (dialogue(*GOOD, "Tony: And then I went to the"), "cut off"),
}


def test_every_filter_is_tried_here():
    assert set(BAD) == set(FILTERS)


def test_a_good_dialogue_passes():
    assert judge(dialogue(*GOOD), PROFILE, SETTINGS) == ""


@pytest.mark.parametrize("check", FILTERS, ids=lambda check: check.__name__)
def test_a_filter_passes_the_good_and_names_what_is_wrong_with_the_bad(check):
    bad, reason = BAD[check]
    assert check(dialogue(*GOOD), PROFILE, SETTINGS) == ""
    assert check(bad, PROFILE, SETTINGS) == reason
    assert judge(bad, PROFILE, SETTINGS) == reason


def test_a_dialogue_of_enough_lines_by_the_character_can_still_be_too_short():
    short = dialogue("Tony: Up?", "JARVIS: For you, sir, always.", "JARVIS: As ever, sir.")
    assert judge(short, PROFILE, SETTINGS) == "too few turns"


def test_a_character_of_one_word_answers_says_too_little():
    curt = dialogue("Tony: Up?", "JARVIS: Yes.", "Tony: Hot?", "JARVIS: Very.")
    assert judge(curt, PROFILE, SETTINGS) == "the character says too little"


def test_a_dialogue_without_end_is_too_long():
    endless = [line for k in range(13) for line in (f"Tony: Number {k}, please.", f"JARVIS: That is {k * k}, sir.")]
    assert judge(dialogue(*endless), PROFILE, SETTINGS) == "too many turns"


def test_a_short_line_may_come_twice_and_not_three_times():
    assert judge(dialogue(*GOOD, "Tony: Really?", "JARVIS: So it is.", "Tony: Really?"), PROFILE, SETTINGS) == ""
    thrice = dialogue(*GOOD, *("Tony: Really?", "JARVIS: So it is, sir.") * 3)
    assert judge(thrice, PROFILE, SETTINGS) == "repeats itself"


def test_three_people_may_speak_in_turn():
    crowd = dialogue(*GOOD, "Tony: Good.", "Pepper: Is it?", "Tony: It is.")
    assert judge(crowd, PROFILE, SETTINGS) == ""


@pytest.mark.parametrize(
    "line",
    [
        "I'm here to help you.",
        "I’m here to assist, sir.",
        "I cannot fulfill this request.",
        "I can’t fulfil this request.",
        "I am unable to generate that.",
        "How may I assist you today?",
        "Feel free to ask more.",
    ],
)
def test_assistants_give_themselves_away(line):
    assert judge(dialogue(*GOOD, f"JARVIS: {line}"), PROFILE, SETTINGS) == "assistant-speak"


@pytest.mark.parametrize("line", ["I cannot help admiring it, sir.", "An artificial intelligence needs no bed, sir."])
def test_a_machine_in_its_role_does_not(line):
    assert judge(dialogue(*GOOD, f"JARVIS: {line}"), PROFILE, SETTINGS) == ""


def test_a_line_that_goes_in_circles_is_noticed():
    circles = "JARVIS: " + "and so it goes on, " * 4 + "sir."
    assert judge(dialogue(*GOOD, circles), PROFILE, SETTINGS) == "goes in circles"


def test_being_called_by_name_is_not_speaking_of_oneself():
    assert judge(dialogue(*GOOD, "Tony: JARVIS, JARVIS, JARVIS."), PROFILE, SETTINGS) == ""


def test_a_name_that_ends_in_a_dot_is_found():
    profile = Profile(name="Dr. Banner Jr.")
    spoken = ("Tony: Who?", "Dr. Banner Jr.: It is Dr. Banner Jr. speaking.") * 2
    assert quality.third_person(dialogue(*spoken), profile, SETTINGS) == "the character speaks of itself by name"


def test_a_dialogue_may_end_with_an_action():
    assert judge(dialogue(*GOOD, "*the lights go out*"), PROFILE, SETTINGS) == ""


def test_the_limits_are_settings():
    strict = QualitySettings(min_turns=5)
    assert judge(dialogue(*GOOD), PROFILE, strict) == "too few turns"
