import pytest

from roletune.errors import ProjectError
from roletune.evaluation.questions import read_questions


@pytest.fixture
def file(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "questions.yaml"
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_questions_keep_their_order_and_get_an_id_from_their_text(file):
    found = read_questions(
        file("- text: Are you up?\n  topic: greeting\n- {id: tastes, text: 'What does Tony like?'}\n")
    )
    assert [q.text for q in found] == ["Are you up?", "What does Tony like?"]
    assert found[0].topic == "greeting"
    assert found[1].id == "tastes"
    reordered = read_questions(file("- text: Something else\n- text: Are you up?\n  topic: greeting\n"))
    assert reordered[1].id == found[0].id


def test_all_mistakes_are_reported_at_once_with_their_entry(file):
    path = file("- text: fine\n- topic: no text\n- Are you up?\n- {text: 5}\n- {text: ok, texts: ok}\n")
    with pytest.raises(ProjectError) as caught:
        read_questions(path)
    mistakes = caught.value.mistakes
    assert [mistake.split(":")[1].strip() for mistake in mistakes] == ["entry 2", "entry 3", "entry 4", "entry 5"]
    assert "text is missing" in mistakes[0]
    assert "- text: Are you up?" in mistakes[1]
    assert "put it in quotes" in mistakes[2]
    assert "'texts'" in mistakes[3]


def test_the_same_question_twice_is_a_mistake(file):
    with pytest.raises(ProjectError, match="2 times"):
        read_questions(file("- text: Are you up?\n- text: Are you up?\n"))


@pytest.mark.parametrize("text", ["", "text: Are you up?\n", "[]", "just words"])
def test_a_file_without_a_list_says_what_to_write(file, text):
    with pytest.raises(ProjectError, match="- text: Are you up"):
        read_questions(file(text))


def test_broken_yaml_is_reported_with_its_place(file):
    with pytest.raises(ProjectError, match=r"line 3, column 1"):
        read_questions(file("- text: fine\n- text: 'open\n"))


def test_a_missing_file_and_a_wrong_encoding_have_a_cure(file, tmp_path):
    with pytest.raises(ProjectError, match="can't be read"):
        read_questions(tmp_path / "nowhere.yaml")
    with pytest.raises(ProjectError, match="Save it as UTF-8"):
        read_questions(file("- text: Überraschung\n", encoding="latin-1"))
