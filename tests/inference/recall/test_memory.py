"""What is noticed, remembered and forgotten."""

import sqlite3

import pytest

from roletune.errors import ProjectError, SourceError
from roletune.inference.recall.memory import earlier_notes, fact_key, memory_notes, told_facts, without
from roletune.inference.recall.memory_file import MemoryFile
from roletune.records import Memory, Profile, Turn


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("My sister is called Ada. Nice weather.", ["My sister is called Ada."]),
        ("Hello! I'm a plumber from Oslo, by the way.", ["I'm a plumber from Oslo, by the way."]),
        ("Please remember that the key is under the mat.", ["Please remember that the key is under the mat."]),
        ("Oh, and I hate coriander.", ["Oh, and I hate coriander."]),
        ("Am I late? Is my sister here?", []),
        ("Open the door.", []),
        ("你好。我叫小明。我的猫叫雪球。天气好吗？", ["我叫小明。", "我的猫叫雪球。"]),
        ("I am " + "very " * 100 + "tired.", []),
    ],
)
def test_sentences_that_tell_something_about_the_speaker_are_noticed(text, facts):
    assert told_facts(text) == facts


def test_memories_are_kept_for_each_person_and_each_once(tmp_path):
    memory = MemoryFile(tmp_path / "journal" / "memory.sqlite")
    assert memory.all() == []
    assert not memory.path.exists()
    assert memory.remember("Tony", "My  cat is called Bob.")
    assert not memory.remember("Tony", "my cat is called BOB")
    assert memory.remember("Ann", "My cat is called Bob.")
    assert [one.text for one in memory.all("Tony")] == ["My cat is called Bob."]
    assert len(memory.all()) == 2


def test_what_is_forgotten_is_gone_from_the_file_and_not_noticed_again(tmp_path):
    memory = MemoryFile(tmp_path / "memory.sqlite")
    memory.remember("Tony", "My safe has the code 7731.")
    memory.remember("Tony", "I like tea.")
    memory.keep_summary("Tony", "k", "Tony told the code 7731.")
    memory.forget(memory.find("Tony", "safe CODE"))
    assert [one.text for one in memory.all()] == ["I like tea."]
    assert memory.summaries("Tony") == {}
    assert b"7731" not in memory.path.read_bytes()
    assert not memory.remember("Tony", "My safe has the code 7731.")
    assert memory.remember("Tony", "My safe has the code 7731.", "noted")


def test_memories_are_found_by_number_by_words_or_all(tmp_path):
    memory = MemoryFile(tmp_path / "memory.sqlite")
    for text in ("I like tea.", "I like rain.", "My dog is old."):
        memory.remember("Tony", text)
    texts = {words: [one.text for one in memory.find("Tony", words)] for words in ("like", "2", "all", "", "cake")}
    assert texts == {
        "like": ["I like tea.", "I like rain."],
        "2": ["I like rain."],
        "all": ["I like tea.", "I like rain.", "My dog is old."],
        "": [],
        "cake": [],
    }


def test_a_memory_can_be_said_otherwise(tmp_path):
    memory = MemoryFile(tmp_path / "memory.sqlite")
    memory.remember("Tony", "My dog is old.")
    assert memory.edit(1, "My dog is young.").text == "My dog is young."
    assert [one.text for one in memory.all()] == ["My dog is young."]
    with pytest.raises(ProjectError, match="no memory 7"):
        memory.edit(7, "x")


def test_a_damaged_file_is_told_with_a_cure(tmp_path):
    path = tmp_path / "memory.sqlite"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 40)
    with pytest.raises(SourceError, match="Move it away"):
        MemoryFile(path).all()


def test_the_file_is_the_readers_own(tmp_path):
    memory = MemoryFile(tmp_path / "memory.sqlite")
    memory.remember("Tony", "I like tea.")
    assert memory.path.stat().st_mode & 0o077 == 0
    with sqlite3.connect(memory.path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)


def test_forgotten_sentences_are_taken_out_of_earlier_turns():
    forgotten = {fact_key("The code is 7731.")}
    assert without("Hello. The code is 7731! Bye.", forgotten) == "Hello. Bye."
    turns = [Turn(speaker="Tony", text="The code is 7731."), Turn(speaker="Tony", text="A code has four digits.")]
    found = earlier_notes(turns, "What is the code?", Profile(name="JARVIS"), forgotten)
    assert [note.text for note in found] == ["Tony: A code has four digits."]


def test_memories_that_share_words_come_first():
    kept = [Memory(id=k, user="Tony", text=text) for k, text in enumerate(["I like tea.", "My dog is old.", "I ski."])]
    assert memory_notes(kept, "How is the dog?")[0].text == "Tony: My dog is old."
