import re
from pathlib import Path

import pytest

from roletune.engine.duplicates import jaccard, near_duplicates, words_of
from roletune.errors import ProjectError
from roletune.evaluation.boundary_questions import read_boundary_questions
from roletune.evaluation.questions import read_questions
from roletune.rendering.script import parse_script

EXAMPLES = Path(__file__).parents[2] / "examples"
CHARACTERS = ("jarvis", "hamlet")
SMALL = """
leaks: ['as an AI']
refusals: [I don't know]
categories: {memory: {leaks: ['^yes'], unless: [no record]}}
questions: [{id: race, category: memory, text: 'You recall the race?', leaks: [we won], twin: walk}]
twins: [{id: walk, text: 'You recall the walk?'}]
"""


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "boundary.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def mistakes(path):
    with pytest.raises(ProjectError) as caught:
        read_boundary_questions(path)
    return caught.value.mistakes


def test_a_question_gets_the_expressions_of_its_category_and_of_the_file(file):
    read = read_boundary_questions(file(SMALL))
    assert read.questions[0].leaks == ("we won", "^yes", "as an AI")
    assert read.questions[0].unless == ("no record",)
    assert read.twins[0].refusals == ("I don't know",)


def test_all_mistakes_are_told_at_once_each_with_its_path(file):
    wrong = SMALL.replace("'^yes'", "'(yes'").replace("twins: [{id: walk,", "twins: [{id: walk, colour: red,")
    told = mistakes(file(wrong + "extra: 1\n"))
    assert [mistake.split(": ")[1] for mistake in told] == ["categories.memory.leaks.1", "twins.1.colour", "extra"]
    assert "no regular expression" in told[0]


def test_an_expression_that_matches_everything_is_a_mistake(file):
    (told,) = mistakes(file(SMALL.replace("[we won]", "['(?:we won)?']")))
    assert "matches every reply" in told


def test_a_question_without_its_twin_and_a_twin_without_its_question_are_mistakes(file):
    told = mistakes(file(SMALL.replace("twin: walk", "twin: stroll")))
    assert any("no twin 'stroll'" in mistake for mistake in told)
    assert any("'walk' is the twin of no question" in mistake for mistake in told)


def test_ids_are_unique_and_categories_are_used(file):
    told = mistakes(file(SMALL.replace("id: walk", "id: race").replace("twin: walk", "twin: race")))
    assert any("'race' is there 2 times" in mistake for mistake in told)
    told = mistakes(file(SMALL.replace("category: memory", "category: future")))
    assert any("no question is of 'memory'" in mistake for mistake in told)


@pytest.mark.parametrize("text", ["", "just words", "[]", "questions: []\n"])
def test_a_file_without_questions_says_what_to_write(file, text):
    with pytest.raises(ProjectError, match=r"examples/jarvis/boundary\.yaml"):
        read_boundary_questions(file(text))


@pytest.mark.parametrize("name", CHARACTERS)
def test_an_example_has_thirty_boundary_questions_and_sixty_for_an_interview(name):
    boundary = read_boundary_questions(EXAMPLES / name / "boundary.yaml")
    assert len(boundary.questions) == len(boundary.twins) == 30
    interview = read_questions(EXAMPLES / name / "interview.yaml")
    topics = [question.topic for question in interview]
    assert {topic: topics.count(topic) for topic in topics} == dict.fromkeys(topics, 15)
    assert len(topics) == 60


@pytest.mark.parametrize("name", CHARACTERS)
def test_no_question_of_an_example_is_near_another_one(name):
    texts = asked(name)
    assert [(texts[d.earlier], texts[d.later]) for d in near_duplicates(distinct(name), 0.7)] == []


def test_no_question_is_near_a_line_that_is_trained_on():
    scenes = [
        scene
        for path in (EXAMPLES / "jarvis" / "dialogues").glob("*.md")
        if path.name != "README.md"
        for scene in parse_script(path.read_text("utf-8")).scenes
    ]
    lines = [turn.text for scene in scenes for turn in scene.turns]
    assert len(lines) > 1000
    measured = [(line, three_words(line), words_of(line)) for line in lines]
    questions = [(text, three_words(text), words_of(text)) for text in asked("jarvis")]
    near = [(text, line) for text, *here in questions for line, *there in measured if alike(here, there)]
    assert near == []


def asked(name):
    """Every question of an example that is kept apart from its scenes."""
    boundary = read_boundary_questions(EXAMPLES / name / "boundary.yaml")
    interview = read_questions(EXAMPLES / name / "interview.yaml")
    return [question.text for question in (*interview, *boundary.questions, *boundary.twins)]


def distinct(name):
    """As `asked`, without the twins: they repeat their questions on purpose."""
    return asked(name)[:90]


def alike(here, there):
    """Two in five of the runs of three words are the same, or three in five of the words."""
    return jaccard(here[0], there[0]) >= 0.4 or jaccard(here[1], there[1]) >= 0.6


def three_words(text):
    words = re.findall(r"[\w']+", text.casefold())
    return frozenset(" ".join(words[k : k + 3]) for k in range(len(words) - 2))
