import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import ProjectError
from roletune.evaluation.questions import read_questions
from roletune.evaluation.questions_file import add_questions
from roletune.records import Question

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=60).filter(
    lambda text: text.strip() and text.isprintable()
)


def asked(text, topic="relationships"):
    return Question(id=text, text=text, topic=topic)


def test_what_stands_in_the_file_stays_byte_for_byte_and_the_new_follows(tmp_path):
    path = tmp_path / "interview.yaml"
    mine = "# mine\n-   text:  'Why?'   # my favourite\n    id: why"
    path.write_text(mine)
    add_questions(path, [asked("Who is he?"), asked('Why "he": #1?', "past experiences")])
    assert path.read_text().startswith(mine + "\n")
    assert [one.text for one in read_questions(path)] == ["Why?", "Who is he?", 'Why "he": #1?']
    assert [one.topic for one in read_questions(path)] == ["", "relationships", "past experiences"]


@pytest.mark.parametrize("mine", ["[{text: 'Why?'}]\n", "  - text: Why?\n", "- text: Why?\n...\n"])
def test_a_file_that_can_not_be_added_to_is_left_as_it_is(tmp_path, mine):
    path = tmp_path / "interview.yaml"
    path.write_text(mine)
    with pytest.raises(ProjectError, match="one entry a line"):
        add_questions(path, [asked("Who?")])
    assert path.read_text() == mine


def test_nothing_new_makes_no_file(tmp_path):
    add_questions(tmp_path / "interview.yaml", [])
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=40)
@given(TEXT)
def test_every_text_comes_back_as_it_was(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("asked") / "interview.yaml"
    add_questions(path, [asked(text)])
    assert [one["text"] for one in yaml.safe_load(path.read_text("utf-8"))] == [" ".join(text.split())]
