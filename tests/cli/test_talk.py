"""What a character remembers is shown, changed and forgotten; a saved chat is found by its name."""

import json

import pytest
from tests.character import make_character
from tests.cli.terminal import roletune

from roletune.cli.talk import _saved
from roletune.engine.store import write_records
from roletune.errors import ProjectError
from roletune.inference.chat_file import ChatFile
from roletune.project import Project
from roletune.verbs.load import read_persona
from roletune.verbs.profile import read_profile


@pytest.fixture
def folder(tmp_path):
    return make_character(tmp_path / "mira", chat={"partner": "Olaf"})


@pytest.fixture
def remembered(capsys, folder):
    """The memories after a `roletune memory` with these words."""

    def run(*words):
        ended = roletune(capsys, "memory", folder, "--json", *words)
        return [(one["user"], one["text"]) for one in json.loads(ended.out)]

    return run


def test_memories_are_added_listed_edited_and_forgotten(remembered):
    assert remembered("--add", "He likes herring.") == [("Olaf", "He likes herring.")]
    assert remembered("--add", "She sails.", "--user", "Ada") == [("Ada", "She sails.")]
    assert ("Olaf", "He hates herring.") in remembered("--edit", "1", "--add", "He hates herring.")
    assert remembered("--forget", "herring") == [("Ada", "She sails.")]
    assert remembered("--forget", "all") == []


def test_what_can_not_be_forgotten_says_so(capsys, folder):
    ended = roletune(capsys, "memory", folder, "--forget", "7")
    assert ended.code == 1
    assert "roletune memory" in ended.err


def test_a_saved_chat_is_gone_on_with_by_its_name_or_as_the_last(folder):
    project = Project.open(folder)
    write_records(project.records("profile"), [read_profile(project)])
    talk = project.character.chat.begin(read_persona(project)).say("Is it Tuesday?").answer("All day, dear.")
    ChatFile(project.journal / "chats").save(talk, "tuesday")
    for name in ("tuesday", "tuesday.md", "last"):
        assert [turn.text for turn in _saved(project, name).turns] == ["Is it Tuesday?", "All day, dear."]
    with pytest.raises(ProjectError, match="The latest: tuesday"):
        _saved(project, "wednesday")
