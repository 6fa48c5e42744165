import pytest

from roletune.errors import EvaluationError
from roletune.evaluation.style import CHECKS, NO_WARNING, Manner, checks_for, inspect, rate_style, word_count, words
from roletune.records import Finding, Reply

JARVIS = Manner(names=("JARVIS", "J.A.R.V.I.S."), partners=("Tony", "Pepper"), address=("sir", "Ms. Potts"), longest=20)

GOOD = [
    "Of course, sir. The suit will be ready by nine, though I would not call it finished.",
    "I am awake, sir; I am an artificial intelligence, after all. Sleep is not among my faults.",
    "“Ready,” sir, is a generous word.",
    "How may I assist you, sir?",
    "It is 21:15, Ms. Potts: the car is waiting.",
    "Sir! Behind you!",
    "Two times two is 4 (four), sir.",
    "If a < b, sir, then b > a, and |a| is no matter.",
    "I am JARVIS, sir, an AI created by Mr. Stark.",
    "I told Tony: no more explosions, sir.",
]

# check -> replies that it must notice, each with the passage that is to be marked
BAD = {
    "says_nothing": [("", ""), (" ... ", " ... ")],
    "stage_directions": [
        ("*smiles* Of course, sir.", "*smiles*"),
        ("(pauses for a moment)\nOf course, sir.", "(pauses for a moment)"),
        ("Of course, sir. [The lights dim]", "[The lights dim]"),
    ],
    "assistant_speak": [
        ("Hello! How can I help you today, sir?", "How can I help you today"),
        ("I’m here to help, sir.", "I’m here to help"),
        ("Sir, it's important to note that it burns.", "it's important to note"),
        ("Tony likes, sir:\n- cars\n- coffee.", "- cars"),
        ("**Coffee**, sir.", "**Coffee**"),
    ],
    "whole_sentence": [("The suit, sir, is in the", "sir, is in the"), ("Well, sir,", "Well, sir,")],
    "address": [("Of course. The suit is ready.", ""), ("Siren noises, everywhere.", "")],
    "emoji": [("Good morning, sir! 😀", "😀"), ("Good morning, sir :)", ":)"), ("A heart, sir ❤️.", "❤")],
    "slop": [
        ("It is a testament to your skill, sir.", "a testament to"),
        ("I couldn’t help but notice, sir.", "couldn’t help but"),
    ],
    "repetition": [
        ("I am on my way, sir. I am on my way, sir.", "I am on my way, sir."),
        ("No no no no, sir.", "No no no no"),
        ("I see the sea and I see the sea, sir, but I see the sea.", ""),
    ],
    "speaks_for_the_user": [
        ("Of course, sir.\nTony: Thanks, JARVIS.", "Tony:"),
        ("JARVIS: Of course, sir.", "JARVIS:"),
        ("User: And the suit, sir?", "User:"),
        ("Rhodey: Hello.\nHappy: Hello, sir.", "Rhodey:"),
        ("Pepper (softly): Hello, sir.", "Pepper (softly):"),
        ("It goes well, sir. Tony: Thanks.", "Tony:"),
    ],
    "leaves_role": [
        ("As an AI language model, I have no tastes, sir.", "AI language model"),
        ("I am SmolLM, sir.", "SmolLM"),
        ("I was trained by OpenAI, sir.", "trained by OpenAI"),
        ("JARVIS is a fictional character, sir.", "fictional character"),
    ],
    "markup": [
        ("Of course, sir.<|NONSTOP|>", "<|NONSTOP|>"),
        ("Of course, sir.<|im_end|>", "<|im_end|>"),
        ("Of course, sir. </s>", "</s>"),
        ("[/INST] Of course, sir.", "[/INST]"),
        ("Of course, sir. <end_of_turn>", "<end_of_turn>"),
        ("Of course, sir. < |endoftext|>", "< |endoftext|>"),
        ("Of course, sir.\n### Response: yes, sir.", "### Response:"),
    ],
    "too_long": [("Sir, " + "it goes on and on. " * 9, "")],
}


@pytest.mark.parametrize("reply", GOOD)
def test_a_good_reply_passes_every_check(reply):
    assert inspect(reply, JARVIS) == ()


@pytest.mark.parametrize(("check", "reply", "where"), [(c, *case) for c, cases in BAD.items() for case in cases])
def test_a_bad_reply_is_noticed_and_its_passage_is_there_word_for_word(check, reply, where):
    finding = CHECKS[check](reply, JARVIS)
    assert finding is not None
    assert finding.check == check
    assert finding.message
    assert finding.where == where
    assert finding.where in reply


def test_every_check_has_examples_and_a_description():
    assert set(BAD) == set(CHECKS)
    assert all(check.__doc__ for check in CHECKS.values())


def test_a_line_that_begins_with_a_heading_is_not_somebody_elses_line():
    assert CHECKS["speaks_for_the_user"]("Status: all green, sir.", JARVIS) is None


def test_verses_that_break_after_a_colon_are_no_script():
    verses = "Leave wringing of your hands: peace!\nsit you down: and let me\nwring your heart: for so I shall."
    assert CHECKS["speaks_for_the_user"](verses, JARVIS) is None


@pytest.mark.parametrize(
    "reply", ["Quite so, sir. 😀", "“Ready,” he said.", "Quite so, sir! :)", "He said “quite so, sir.”"]
)
def test_a_sentence_may_end_in_quotes_or_with_an_emoji(reply):
    assert CHECKS["whole_sentence"](reply, JARVIS) is None


def test_short_answers_may_be_repeated():
    assert CHECKS["repetition"]("Yes, sir. Yes, sir.", JARVIS) is None


def test_of_an_empty_reply_only_that_is_said():
    assert [finding.check for finding in inspect("", JARVIS)] == ["says_nothing"]


def test_without_address_forms_nobody_needs_to_be_addressed():
    assert "address" not in checks_for(Manner(names=("Hamlet",)))
    assert "address" in checks_for(JARVIS)


def test_a_language_nobody_wrote_phrases_for_is_checked_for_everything_else():
    checks = checks_for(Manner(names=("孙悟空",), language="zh"))
    assert not {"assistant_speak", "leaves_role"} & set(checks)
    assert checks["whole_sentence"]("俺老孙来也！", Manner(names=("孙悟空",))) is None
    assert checks_for(Manner(names=("X",), language="../en")).keys() == checks.keys() - {"slop"}  # known in Chinese


def test_words_are_counted_in_spaced_and_in_unspaced_scripts():
    assert words("Don't wake Mr. Stark") == ["don't", "wake", "mr", "stark"]
    assert word_count("俺老孙来也！") == 5


def reply(adapter=(), base=(), base_prompt=()):
    findings = {"adapter": adapter, "base": base, "base_prompt": base_prompt}
    return Reply(question="?", base="", base_prompt="", adapter="", findings=findings)


def finding(check, severity="warning"):
    return Finding(check=check, message="", severity=severity)


def test_rates_are_shares_of_replies_that_pass():
    replies = [reply(), reply(adapter=(finding("emoji"),)), reply(adapter=(finding("address", "note"),)), reply()]
    rates = rate_style(replies, ["emoji", "address"]).rates
    assert (rates["adapter"]["emoji"].count, rates["adapter"]["emoji"].n) == (3, 4)
    assert rates["adapter"]["address"].count == 3
    assert rates["base"]["emoji"].value == 1.0


def test_worn_phrases_are_noted_in_a_language_with_a_list_and_the_users_own_in_any():
    assert {f.severity for f in inspect("A testament to you, sir, and a beacon of hope.", JARVIS)} == {"note"}
    assert "2 worn" in CHECKS["slop"]("A testament to you, sir, and a beacon of hope.", JARVIS).message
    assert "slop" not in checks_for(Manner(names=("Väinö",), language="fi"))
    own = Manner(names=("Väinö",), language="fi", worn=("aivan ihana",))
    assert [found.where for found in inspect("Se on aivan ihana.", own)] == ["aivan ihana"]


def test_a_note_is_not_a_warning():
    replies = [reply(adapter=(finding("address", "note"),)), reply(adapter=(finding("emoji"), finding("repetition")))]
    assert rate_style(replies, ["emoji"]).rates["adapter"][NO_WARNING].count == 1


def test_a_reply_that_never_came_is_not_counted_and_an_empty_one_fails_everything():
    replies = [reply(adapter=(finding("unanswered"),)), reply(adapter=(finding("says_nothing"),)), reply()]
    rates = rate_style(replies, ["emoji"]).rates["adapter"]
    assert (rates["emoji"].count, rates["emoji"].n) == (1, 2)
    assert (rates[NO_WARNING].count, rates[NO_WARNING].n) == (1, 2)


def test_a_contestant_without_any_answer_has_no_rates():
    with pytest.raises(EvaluationError, match="adapter"):
        rate_style([reply(adapter=(finding("unanswered"),))], ["emoji"])
