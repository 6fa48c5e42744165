"""Rules checked by code: each type both ways, and rates that add up."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import EvaluationError, ProjectError
from roletune.evaluation.obedience import read_rule_sets
from roletune.evaluation.rule_conflicts import find_conflicts
from roletune.evaluation.rules import Ruled, follows, parse_rules, rate_rules, sentence_count


def rule(type_, value):
    return parse_rules([{"id": "r", "type": type_, "value": value}])[0]


@pytest.mark.parametrize(
    ("type_", "value", "yes", "no"),
    [
        ("max_words", 3, "Very good, sir.", "Very good indeed, sir."),
        ("min_words", 2, "Very good.", "Good."),
        ("max_sentences", 1, "Mr. Stark is out.", "He is out. Try later."),
        ("min_sentences", 2, "Out. Gone.", "Out..."),
        ("sentences", 2, "Who? Me.", "Me."),
        ("paragraphs", 2, "One.\n\nTwo.", "One.\nTwo."),
        ("contains", ["sir", "madam"], "Yes, Sir.", "The siren."),
        ("contains", ["先生"], "好的先生。", "好的。"),
        ("excludes", ["dude"], "Indubitably.", "Hey, dude!"),
        ("starts_with", ["very"], "“Very good.”", "Not very."),
        ("ends_with", ["sir"], "At once, sir.”", "Sir, at once."),
        ("matches", r"\d{4}", "In 1813.", "In May."),
        ("language", "en", "It is not for me to say.", "Das ist nicht für mich."),
        ("language", "de", "Das ist nicht für mich.", "It is not for me."),
        ("language", "zh", "我不知道。", "I do not know."),
        ("language", "ja", "私はここにいます。", "我不知道。"),
        ("format", "json", '{"a": 1}', "a: 1"),
        ("format", "list", "Two:\n- a\n- b", "Two, a and b."),
        ("format", "no_list", "a and b", "1. a\n2. b"),
        ("format", "one_line", "a\n", "a\nb"),
        ("format", "lower_case", "aye.", "Aye."),
        ("format", "upper_case", "AYE.", "Aye."),
        ("format", "quoted", "“Aye.”", "Aye."),
        ("format", "no_emoji", "Aye.", "Aye \N{GRINNING FACE}"),
        ("format", "question", "Who?", "Me."),
    ],
)
def test_a_rule_tells_one_from_the_other(type_, value, yes, no):
    assert follows(rule(type_, value), yes)
    assert not follows(rule(type_, value), no)


def test_sentences_end_at_stops_with_words_before_them():
    assert sentence_count("It costs 3.50, Dr. Ho. Really?! Yes...") == 3
    assert sentence_count("好。真的吗？") == 2
    assert sentence_count("...") == 0


RULES = parse_rules(
    [{"id": "short", "type": "max_words", "value": 2}, {"id": "sir", "type": "ends_with", "value": ["sir"]}]
)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["Yes, sir.", "Yes.", "By no means, sir.", "Certainly not today.", None]), min_size=1))
def test_all_rules_together_are_the_conjunction_of_each(replies):
    items = [Ruled(reply, RULES) for reply in replies]
    answered = [reply for reply in replies if reply is not None]
    if not answered:
        with pytest.raises(EvaluationError, match="nothing to check"):
            rate_rules(items)
        return
    rates = rate_rules(items)
    assert rates.all_rules.count == sum(all(follows(r, reply) for r in RULES) for reply in answered)
    assert {name: rate.count for name, rate in rates.per_rule.items()} == {
        r.id: sum(follows(r, reply) for reply in answered) for r in RULES
    }
    assert rates.unanswered == len(replies) - len(answered)
    assert rates.all_rules.n == len(answered)


def test_all_mistakes_in_rules_are_told():
    with pytest.raises(EvaluationError, match=r"0: .*; 1\.") as told:
        parse_rules([{"id": "a", "type": "rhymes"}, {"id": "b", "type": "matches", "value": "("}])
    assert "no regular expression" in str(told.value)


def test_the_packaged_rules_are_told_and_stand_in_sets_and_mistakes_in_own_ones_are_named(tmp_path):
    packaged = read_rule_sets("en")
    assert len(packaged.sets) == 20
    assert {one.id for rules in packaged.sets for one in rules} == packaged.told.keys()
    own = tmp_path / "rules.yaml"
    own.write_text("rules: [{id: a, type: max_words, value: 3}]\nsets: [[a, b], []]", "utf-8")
    with pytest.raises(ProjectError, match=r"no rule 'b'(.|\n)*a: `told` is missing"):
        read_rule_sets("en", own)
    with pytest.raises(ProjectError, match=r"probes\.rules"):
        read_rule_sets("tlh")


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        (("max_words", 5), ("min_words", 10), True),
        (("max_words", 10), ("min_words", 10), False),
        (("max_words", 2), ("sentences", 3), True),
        (("max_sentences", 2), ("min_words", 10), False),
        (("sentences", 2), ("sentences", 3), True),
        (("paragraphs", 2), ("format", "one_line"), True),
        (("contains", ["rain"]), ("excludes", ["Rain"]), True),
        (("contains", ["rain", "snow"]), ("excludes", ["rain"]), False),
        (("contains", ["rainbow"]), ("excludes", ["rain"]), False),
        (("ends_with", ["sir."]), ("ends_with", ["madam"]), True),
        (("ends_with", ["Mr Stark, sir"]), ("ends_with", ["sir"]), False),
        (("starts_with", ["sir"]), ("ends_with", ["madam"]), False),
        (("language", "en"), ("language", "fr"), True),
        (("format", "list"), ("format", "no_list"), True),
        (("format", "question"), ("format", "no_emoji"), False),
    ],
)
def test_rules_that_no_reply_keeps_together_are_found_in_either_order(one, other, clash):
    a, b = (rule(*each).model_copy(update={"id": name}) for each, name in ((one, "a"), (other, "b")))
    assert (len(find_conflicts([a, b])), len(find_conflicts([b, a]))) == (clash, clash)


def test_a_set_that_contradicts_itself_is_refused_and_both_rules_are_named(tmp_path):
    rules = [{"id": "short", "type": "max_words", "value": 5, "told": "Five words."}]
    rules += [{"id": "long", "type": "min_words", "value": 9, "told": "Nine words."}]
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps({"rules": rules, "sets": [["short"], ["short", "long"]]}), "utf-8")
    with pytest.raises(ProjectError, match="no reply keeps both 'short' and 'long'"):
        read_rule_sets("en", path)
