from collections import Counter

import pytest

from roletune.errors import ReplyError
from roletune.prompts import load_prompt
from roletune.records import Question
from roletune.synthesis.questions import (
    TOPICS,
    QuestionsWanted,
    TopicCall,
    new_questions,
    parse_questions,
    plan_questions,
)

from .made import PASSAGE, PROFILE, reply


def asked(text, topic=TOPICS[0]):
    return Question(id=text, text=text, topic=topic)


def call(count=5):
    return TopicCall(TOPICS[1], (PASSAGE,), count, 0)


def test_only_what_a_topic_lacks_is_asked_for_and_passages_are_shown_in_turn():
    passages = [PASSAGE.model_copy(update={"id": str(k)}) for k in range(6)]
    calls = plan_questions(passages, {TOPICS[0]: 12, TOPICS[1]: 40}, QuestionsWanted(per_topic=12))
    lacking = Counter()
    for one in calls:
        lacking[one.topic] += one.questions
    assert lacking == {TOPICS[2]: 12, TOPICS[3]: 12}
    assert [passage.id for passage in calls[0].passages + calls[1].passages] == list("01234501")


def test_another_round_makes_other_requests():
    first, second = (plan_questions([PASSAGE], {}, QuestionsWanted(round=number)) for number in (0, 1))
    assert not {one.sample for one in first} & {one.sample for one in second}


def test_questions_are_read_whatever_stands_around_them_and_talk_is_not_one():
    told = (
        'Sure!\n1. **Question:** "What did he build?"\nQuestion: Tell me of the tower.\nQuestion: ' + "so " * 200 + "?"
    )
    assert [one.text for one in parse_questions(reply(told), call())] == ["What did he build?", "Tell me of the tower."]
    assert len(parse_questions(reply(told), call(1))) == 1


def test_a_list_of_questions_without_labels_is_read_and_the_talk_around_it_is_not():
    told = "Here are 3:\n\n1. What did he build?\n- **Who kept the lamp?**\n你是谁？\nHe kept the lamp for years."
    assert [one.text for one in parse_questions(reply(told), call())] == [
        "What did he build?",
        "Who kept the lamp?",
        "你是谁？",
    ]


def test_a_reply_without_a_question_is_told_with_its_text():
    with pytest.raises(ReplyError) as error:
        parse_questions(reply("I would rather not."), call())
    assert error.value.raw == "I would rather not."


def test_what_was_asked_before_in_nearly_the_same_words_is_rejected_with_it():
    known = [asked("Who built the tower by the sea?")]
    written = [asked("And who built the tower by the sea?"), asked("What do you read?"), asked("What do you read?")]
    new, rejected = new_questions(written, known)
    assert [one.text for one in new] == ["What do you read?"]
    assert [one.detail for one in rejected] == [known[0].text, "What do you read?"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("topic", range(len(TOPICS)))
def test_the_prompt_shows_the_passages_and_says_something_else_for_each_topic(language, topic):
    prompt = load_prompt("questions", language)

    def system(number):
        return prompt.messages(profile=PROFILE, passages=(PASSAGE,), topic=number, count=3)

    assert PASSAGE.text in system(topic)[-1].content
    assert system(topic)[0].content != system((topic + 1) % len(TOPICS))[0].content
