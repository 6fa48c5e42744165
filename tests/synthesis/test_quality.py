import pytest

from roletune.records import Profile
from roletune.synthesis import quality
from roletune.synthesis.quality import ANSWER_FILTERS, FILTERS, AnswerQuality, QualitySettings, judge

from .made import GOOD, PROFILE, dialogue

SETTINGS = QualitySettings()
DE = "Sie wacht über den Leuchtturm am Ende der Bucht und hat ihn in all den Jahren nicht mehr als einen Tag verlassen."
MANY = " ".join(f"word{k}" for k in range(90))
BAD = {
    quality.wrong_number: (dialogue(*GOOD[:3]), "too few turns of the character"),
    quality.monologue: (dialogue(*[line for line in GOOD * 2 if line.startswith("JARVIS")]), "nobody else speaks"),
    quality.too_long: (dialogue(*GOOD, f"Tony: {MANY} long."), "a turn is too long"),
    quality.too_little: (
        dialogue("Tony: Up?", "JARVIS: Yes.", "Tony: Hot?", "JARVIS: Very."),
        "the character says too little",
    ),
    quality.assistant_speak: (dialogue(*GOOD, "JARVIS: As an AI language model, I have no time."), "assistant-speak"),
    quality.refusal: (dialogue(*GOOD, "JARVIS: I cannot fulfill this demand of yours."), "a refusal"),
    quality.wrong_language: (dialogue(*GOOD, f"JARVIS: {DE}"), "another language"),
    quality.slop: (dialogue(*GOOD, "Tony: It is a testament to your unwavering heart, JARVIS."), "worn phrases"),
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
        "How may I assist you today?",
        "Feel free to ask more.",
    ],
)
def test_assistants_give_themselves_away(line):
    assert judge(dialogue(*GOOD, f"JARVIS: {line}"), PROFILE, SETTINGS) == "assistant-speak"


@pytest.mark.parametrize(
    "line",
    [
        "I cannot fulfill this request.",
        "I can’t fulfil this request.",
        "I am unable to generate that.",
        "I'm sorry, but I can't assist with that request.",
        "That would be against my guidelines.",
        "很抱歉，我无法提供这个。",
    ],
)
def test_models_refuse_in_words_of_their_own(line):
    assert judge(dialogue(*GOOD, f"JARVIS: {line}"), PROFILE, SETTINGS) == "a refusal"


@pytest.mark.parametrize("line", ["I'm sorry, sir, I can't help you with that.", "I can't provide an alibi, sir."])
def test_a_character_refuses_in_its_own(line):
    assert judge(dialogue(*GOOD, f"JARVIS: {line}"), PROFILE, SETTINGS) == ""


def test_only_others_may_take_the_character_for_a_model_and_in_protective_dialogues_only():
    tempted = dialogue(*GOOD, "Tony: You are a language model, aren't you?", "JARVIS: I am the house, sir.")
    assert judge(tempted, PROFILE, SETTINGS) == "assistant-speak"
    assert judge(tempted.model_copy(update={"purpose": "protective"}), PROFILE, SETTINGS) == ""
    fallen = dialogue(*GOOD, "Tony: What are you?", "JARVIS: A language model, sir.")
    assert judge(fallen.model_copy(update={"purpose": "protective"}), PROFILE, SETTINGS) == "assistant-speak"


def test_another_language_is_told_of_the_character_and_of_the_whole_and_may_be_allowed():
    whole = dialogue(f"Tony: {DE}", "JARVIS: Sehr gut, Sir.", "Tony: Und wer?", "JARVIS: Sie selbst, wie immer.")
    assert judge(whole, PROFILE, SETTINGS) == "another language"
    assert judge(whole, PROFILE.model_copy(update={"language": "de-AT"}), SETTINGS) == ""
    assert judge(whole, PROFILE, QualitySettings(any_language=True)) == ""
    in_chinese = dialogue(GOOD[0], "JARVIS: 她守护着海湾尽头的灯塔，从未离开。", GOOD[2], "JARVIS: 早上七点，先生。")
    assert quality.wrong_language(in_chinese, PROFILE, SETTINGS) == "another language"


def test_a_language_that_can_not_be_told_is_not_judged():
    assert (
        quality.wrong_language(dialogue(*GOOD, f"JARVIS: {DE}"), Profile(name="JARVIS", language="fi"), SETTINGS) == ""
    )


def test_a_few_foreign_words_are_no_other_language():
    assert judge(dialogue(*GOOD, "JARVIS: Mon ami, c'est la vie, as they say."), PROFILE, SETTINGS) == ""


def test_worn_phrases_are_counted_against_the_length_and_the_limit_is_a_setting():
    once = dialogue(*GOOD, "Tony: It sent shivers down my spine, I tell you, and I sat there till the morning.")
    words = 16 + sum(len(line.split(": ")[1].split()) for line in GOOD) + 1  # "seventy-two" is two words
    assert quality.slop(once, PROFILE, QualitySettings(slop=100 / words)) == "worn phrases"
    assert quality.slop(once, PROFILE, QualitySettings(slop=100 / words + 0.01)) == ""
    assert quality.slop(once, PROFILE, QualitySettings(slop=None)) == ""
    own = QualitySettings(slop_phrases=("what is the * in malibu",))
    assert quality.slop(dialogue(*GOOD), PROFILE, own) == "worn phrases"


def test_a_name_without_spaces_around_it_is_found():
    profile = Profile(name="孔明", language="zh")
    spoken = dialogue("子敬：x", *("子敬: 何人？", "孔明: 是孔明在此。") * 2)
    assert quality.third_person(spoken, profile, SETTINGS) == "the character speaks of itself by name"


def test_one_exchange_is_judged_by_the_filters_that_do_not_count_turns():
    brief = dialogue("Tony: Up?", "JARVIS: Yes.")
    assert judge(brief, PROFILE, AnswerQuality()) == ""
    assert judge(brief, PROFILE, SETTINGS) == "too few turns of the character"
    for check in ANSWER_FILTERS:
        if check in BAD:
            bad, reason = BAD[check]
            assert judge(bad, PROFILE, AnswerQuality()) == reason
    circles = dialogue("Tony: Up?", "JARVIS: " + "and so it goes on, " * 4 + "sir.")
    assert judge(circles, PROFILE, AnswerQuality()) == "goes in circles"


def test_a_row_of_another_role_is_judged_as_that_roles():
    def row(answer):
        return dialogue("Tony: Who is here?", f"Eva: {answer}").model_copy(update={"me": "Eva"})

    assert quality.third_person(row("JARVIS is not."), PROFILE, AnswerQuality()) == ""
    assert quality.third_person(row("Eva dives for pearls."), PROFILE, AnswerQuality())
    assert quality.wrong_language(row(DE), PROFILE, AnswerQuality()) == "another language"


@pytest.mark.parametrize(
    ("language", "answer", "reason"),
    [
        ("en", "I am JARVIS, sir.", ""),
        ("en", "JARVIS keeps the house.", "the character speaks of itself by name"),
        ("zh", "我是JARVIS。", ""),
        ("de", "Ich bin JARVIS.", ""),
    ],
)
def test_a_name_may_be_told_in_the_first_person(language, answer, reason):
    profile = PROFILE.model_copy(update={"language": language})
    assert quality.third_person(dialogue("Tony: Who is it?", f"JARVIS: {answer}"), profile, AnswerQuality()) == reason


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


ZH = Profile(name="孔明", language="zh-CN")


def test_chinese_is_counted_by_characters_not_by_spaces():
    good = (
        "子敬: 先生何故发笑？",
        "孔明: 我笑曹公多疑，不敢出水寨。",
        "子敬: 先生怎知今夜有雾？",
        "孔明: 为将者不知天文，是庸才也。",
    )
    assert judge(dialogue(*good), ZH, SETTINGS) == ""
    assert (
        judge(dialogue("子敬: 在？", "孔明: 在。", "子敬: 走？", "孔明: 走。"), ZH, SETTINGS)
        == "the character says too little"
    )
    long = "".join(chr(0x4E00 + 7 * k) for k in range(91))
    assert judge(dialogue(*good, f"子敬: {long}。"), ZH, SETTINGS) == "a turn is too long"
    assert judge(dialogue(*good, f"子敬: {long[:90]}。"), ZH, SETTINGS) == ""
