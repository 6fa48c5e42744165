import asyncio
import json

import pytest

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.synthesis.asking import Again
from roletune.synthesis.rules import RuleSettings, Told, parse_rules, plan_rules, write_ruled
from roletune.verbs.rules import TYPES, checker

from .made import GOOD, PROFILE, dialogue, reply

RULES = """Role: You receive a guest.
Rule: Answer in at most six words.
Type: max_words
Value: 6
Rule: End with "sir".
Type: ends_with
Value: sir
Rule: Show no impatience.
Type: other
Value: -"""
TOLD = Told("Are you up?", "Tony", "scenes.md#late")


def write(*lines, language="en", times=0):
    writer = ScriptedModel(list(lines), name="quill")
    made = asyncio.run(
        write_ruled(
            TOLD,
            writer,
            profile=PROFILE,
            prompts=tuple(load_prompt(name, language) for name in ("rules", "rules_system", "rules_answer")),
            checker=checker,
            types=TYPES,
            settings=RuleSettings(),
            again=Again(load_prompt("again"), times),
        )
    )
    return made, writer.requests


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_row_has_the_rules_in_its_system_message_and_a_reply_that_keeps_them(language):
    made, requests = write(RULES, "For you, always, sir.", language=language)
    assert [turn.text for turn in made.turns] == ["Are you up?", "For you, always, sir."]
    assert all(rule in made.system for rule in ("at most six words", 'End with "sir".', "Show no impatience."))
    assert "You receive a guest." in made.system
    assert requests[1].messages[0]["content"] == made.system
    assert (made.purpose, made.category, made.split) == ("instruction", "rules", "train")
    rules = json.loads(made.notes["rules"])
    assert [(rule["type"], rule["checked"]) for rule in rules] == [
        ("max_words", True),
        ("ends_with", True),
        ("other", False),
    ]
    keys = [request.key("scripted") for request in requests]
    assert [made.scene.provenance.request, made.provenance.request] == keys
    assert made.provenance.source == "scenes.md#late"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("Always, for you and for everybody else, sir.", "at most six words"), ("Always, Tony.", 'End with "sir"')],
)
def test_a_reply_that_breaks_a_rule_is_asked_for_again_and_then_refused(answer, reason):
    made, requests = write(RULES, answer, "Always, sir.", times=1)
    assert reason in requests[2].messages[-1]["content"]
    assert made.turns[1].text == "Always, sir."
    with pytest.raises(ReplyError, match=f"it breaks the rule: .*{reason}"):
        write(RULES, answer)


@pytest.mark.parametrize(
    ("text", "reason"), [("No.", "no role"), ("Role: You wait.", "no rule"), (RULES.split("\n", 1)[1], "no role")]
)
def test_a_reply_without_a_role_or_rules_is_refused(text, reason):
    with pytest.raises(ReplyError, match=reason):
        parse_rules(reply(text), checker, 3)


def test_no_more_rules_are_taken_than_were_asked_for_and_none_twice():
    assert len(parse_rules(reply(RULES), checker, 2).rules) == 2
    assert len(parse_rules(reply(f"{RULES}\nRule: show no impatience."), checker, 9).rules) == 3


@pytest.mark.parametrize(
    ("kind", "value"),
    [("max_words", "few"), ("contains", ""), ("language", "tlh"), ("format", "poem"), ("matches", ".")],
)
def test_what_code_can_not_check_is_a_rule_in_words(kind, value):
    assert checker(kind, value) is None


def test_an_unrelated_rule_changes_no_other_rule_s_verdict():
    alone = checker("ends_with", "sir | madam")
    assert [alone(text) for text in ("Yes, sir.", "Yes, madam!", "Yes.")] == [False, False, True]


def test_instructions_are_what_opens_a_scene_of_the_train_split():
    held_out = dialogue("Tony: Secret?", "JARVIS: No.").model_copy(update={"split": "test"})
    own = dialogue("JARVIS: Sir?", "Tony: Yes?")
    made = plan_rules([dialogue(*GOOD), held_out, own], PROFILE, 2)
    assert [(told.text, told.speaker, told.sample) for told in made] == [
        ("JARVIS, are you up?", "Tony", 0),
        ("JARVIS, are you up?", "Tony", 1),
    ]
    assert plan_rules([], PROFILE, 3) == []


def test_of_a_scene_that_the_character_does_not_open_the_first_question_that_stands_alone_is_taken():
    long = dialogue(
        "*enter a page*",
        "Tony: Guards, leave us.",
        "Pepper: They left.",
        "JARVIS: They did.",
        "Tony: What?",
        "JARVIS: They left, sir.",
        "Tony: And who told you to count the guards?",
        "JARVIS: Nobody, sir.",
        "Tony: And who asked you about my guests?",
        "Pepper: I did.",
    )
    assert [told.text for told in plan_rules([long], PROFILE, 1)] == ["And who told you to count the guards?"]
    after_action = dialogue("*enter a page*", *GOOD)
    assert [told.text for told in plan_rules([after_action], PROFILE, 1)] == ["JARVIS, are you up?"]
