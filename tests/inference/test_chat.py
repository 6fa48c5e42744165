import io
import signal
from pathlib import Path

import pytest
from rich.console import Console

from roletune.errors import EndpointError
from roletune.inference.actor import Backstage
from roletune.inference.chat_commands import COMMANDS
from roletune.inference.lines import PipedLines
from roletune.inference.recall.memory_file import MemoryFile
from roletune.inference.transcript import read_conversation
from roletune.llm.scripted import ScriptedModel

from .stage import ALT_ENTER, CTRL_C, CTRL_D, PERSONA, SETTINGS, InterruptedModel, conversation, hold, type_chat


def saved(folder):
    texts = [path.read_text("utf-8") for path in sorted(folder.glob("*.md"))]
    return [[turn.text for turn in read_conversation(text, PERSONA, "a.md").turns] for text in texts]


def said(model, k=-1):
    return [message["content"] for message in model.requests[k].messages[1:]]


def test_a_piped_line_is_answered_and_nothing_else_is_on_the_console(tmp_path):
    notes = Console(file=io.StringIO())
    output = hold(PipedLines(io.StringIO("hello\n")), ScriptedModel(["Good evening, sir."]), tmp_path, notes=notes)
    assert output == "Good evening, sir.\n"
    assert "JARVIS is an AI character" in notes.file.getvalue()
    assert saved(tmp_path) == [["hello", "Good evening, sir."]]


def test_a_chat_says_that_this_is_an_ai_and_shows_the_characters_own_notice_and_the_scene(tmp_path):
    output = type_chat(CTRL_D, ScriptedModel([]), tmp_path, notice="JARVIS belongs to its owners.")
    first, second, *rest = output.splitlines()
    assert "is an AI character" in first
    assert second == "JARVIS belongs to its owners."
    assert rest[:2] == ["Place: the workshop", "Situation: It is late."]


def test_every_turn_is_given_what_was_said_before(tmp_path):
    model = ScriptedModel(["First.", "Second."])
    type_chat(f"One{ALT_ENTER}and a half\r\rTwo\r{CTRL_D}", model, tmp_path)
    assert said(model) == ["One\nand a half", "First.", "Two"]
    assert model.requests[0].temperature == SETTINGS.temperature
    assert saved(tmp_path) == [["One and a half", "First.", "Two", "Second."]]


def test_retry_asks_the_same_again_and_replaces_the_answer(tmp_path):
    model = ScriptedModel(["First.", "Better.", "Best."])
    type_chat(f"One\r/retry\r/retry\r{CTRL_D}", model, tmp_path)
    assert said(model) == ["One"]
    assert [request.sample for request in model.requests] == [0, 1, 2]
    assert saved(tmp_path) == [["One", "Best."]]


def test_an_endpoint_error_is_one_line_and_the_message_can_be_tried_again(tmp_path):
    model = ScriptedModel([EndpointError("The endpoint is\nnot running."), "Here, sir."])
    output = type_chat(f"One\r/retry\r{CTRL_D}", model, tmp_path)
    assert "The endpoint is not running.\n" in output
    assert saved(tmp_path) == [["One", "Here, sir."]]


def test_a_retry_that_fails_keeps_the_answer_there_was(tmp_path):
    model = ScriptedModel(["First.", EndpointError("Gone."), "Second."])
    type_chat(f"One\r/retry\rTwo\r{CTRL_D}", model, tmp_path)
    assert said(model) == ["One", "First.", "Two"]


def test_from_a_pipe_an_endpoint_error_is_raised(tmp_path):
    with pytest.raises(EndpointError):
        hold(PipedLines(io.StringIO("hello\nagain\n")), ScriptedModel([EndpointError("Gone.")]), tmp_path)


def test_ctrl_c_stops_a_reply_and_keeps_the_chat(tmp_path):
    model = InterruptedModel(["One two three.", "Four five six."], after=2)
    before = signal.getsignal(signal.SIGINT)
    output = type_chat(f"Count\rAgain\r{CTRL_D}", model, tmp_path)
    assert output.count("Stopped.") == 2
    assert said(model) == ["Count", "One two", "Again"]
    assert saved(tmp_path) == [["Count", "One two", "Again", "Four five"]]
    assert signal.getsignal(signal.SIGINT) == before


def test_ctrl_c_ends_a_piped_chat_and_keeps_what_was_written(tmp_path):
    model = InterruptedModel(["One two three."], after=2)
    with pytest.raises(KeyboardInterrupt):
        hold(PipedLines(io.StringIO("Count\nAgain\n")), model, tmp_path)
    assert saved(tmp_path) == [["Count", "One two"]]


def test_ctrl_c_at_an_empty_prompt_tells_how_to_leave(tmp_path):
    assert "/quit or Ctrl-D leaves." in type_chat(f"{CTRL_C}{CTRL_D}", ScriptedModel([]), tmp_path)


def test_reset_begins_the_scene_again_and_keeps_the_old_one_in_its_file(tmp_path):
    model = ScriptedModel(["First.", "Second."])
    type_chat(f"One\r/reset\rTwo\r{CTRL_D}", model, tmp_path)
    assert said(model) == ["Two"]
    assert sorted(saved(tmp_path)) == [["One", "First."], ["Two", "Second."]]


def test_another_scene_is_in_the_prompt(tmp_path):
    model = ScriptedModel(["Rain, sir.", "Fire, sir."])
    keys = "/scene the roof | It rains.\rLook\r/scene The attic burns.\rLook\r/scene\r"
    output = type_chat(keys + CTRL_D, model, tmp_path)
    assert "Place: the roof\nSituation: It rains." in model.requests[0].messages[0]["content"]
    assert "Situation: The attic burns." in model.requests[1].messages[0]["content"]
    assert "Place" not in model.requests[1].messages[0]["content"]
    assert output.count("Situation: The attic burns.\n") == 2


def test_save_takes_a_name_and_never_another_file_or_folder(tmp_path):
    folder = tmp_path / "chats"
    folder.mkdir()
    (folder / "late.md").write_text("mine")
    model = ScriptedModel(["First.", "Second."])
    output = type_chat(f"/save\rOne\r/save ../Late\rTwo\r/save ../Late-2\r{CTRL_D}", model, folder)
    assert "Nothing has been said yet." in output
    assert sorted(path.name for path in folder.iterdir()) == ["late-2.md", "late.md"]
    assert (folder / "late.md").read_text() == "mine"
    assert "JARVIS: Second." in (folder / "late-2.md").read_text()
    assert list(tmp_path.iterdir()) == [folder]


def test_a_chat_saved_under_two_names_is_in_both(tmp_path):
    type_chat(f"One\r/save a\r/save b\r{CTRL_D}", ScriptedModel(["First."]), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.md", "b.md"]


def test_nothing_is_kept_where_nothing_was_said_or_it_is_not_wanted(tmp_path):
    type_chat(CTRL_D, ScriptedModel([]), tmp_path)
    private = SETTINGS.model_copy(update={"autosave": False})
    type_chat(f"One\r{CTRL_D}", ScriptedModel(["First."]), tmp_path, settings=private)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that takes no files: /proc")
def test_a_disk_that_takes_no_file_is_one_line_and_the_chat_goes_on():
    model = ScriptedModel(["First.", "Second."])
    output = type_chat(f"One\rTwo\r{CTRL_D}", model, Path("/proc/chats"))
    assert output.count("can't be written") == 2
    assert said(model) == ["One", "First.", "Two"]


def test_a_message_that_does_not_fit_is_refused_and_not_part_of_the_chat(tmp_path):
    model = ScriptedModel(["First."])
    small = SETTINGS.model_copy(update={"context_tokens": 120})
    output = type_chat(f"{'word ' * 80}\rOne\r{CTRL_D}", model, tmp_path, settings=small)
    assert "Shorten the message" in output
    assert "Your message is kept" not in output
    assert said(model) == ["One"]


def test_it_is_said_once_when_the_oldest_messages_are_left_out(tmp_path):
    model = ScriptedModel(lambda request: "Yes, sir. " * 20)
    small = SETTINGS.model_copy(update={"context_tokens": 400})
    output = type_chat("Another question\r" * 12 + CTRL_D, model, tmp_path, settings=small)
    assert output.count("has outgrown the prompt") == 1
    assert len(said(model)) < 23


def test_unknown_commands_are_explained_and_not_sent(tmp_path):
    model = ScriptedModel(["Sir."])
    output = type_chat(f"/rety\r/dance\r//shrug\r{CTRL_D}", model, tmp_path)
    assert "There is no command /rety. Did you mean /retry?" in output
    assert "There is no command /dance. /help lists the commands." in output
    assert said(model) == ["/shrug"]


def test_help_lists_every_command(tmp_path):
    output = type_chat("/help\r/quit\rnot read\r", ScriptedModel([]), tmp_path)
    for name, command in COMMANDS.items():
        assert f"\n{f'{name} {command.usage}'.strip()} " in output


def test_stats_tell_the_pace_and_how_full_the_prompt_is(tmp_path):
    output = type_chat(f"/stats\rOne\rTwo\r/stats\r{CTRL_D}", ScriptedModel(["First.", "The second."]), tmp_path)
    assert "No reply yet." in output
    assert "2 replies: first token after" in output
    assert "with 3 of 3 messages; room for 1800 tokens" in output


def test_replies_that_are_empty_or_cut_off_are_told(tmp_path):
    assert "JARVIS said nothing." in type_chat(f"One\r{CTRL_D}", ScriptedModel([" "]), tmp_path)


def test_a_retry_with_nothing_to_answer_asks_nothing(tmp_path):
    model = ScriptedModel([])
    assert "Nothing has been said" in type_chat(f"/retry\r{CTRL_D}", model, tmp_path)
    assert model.requests == []


def test_a_conversation_can_be_gone_on_with(tmp_path):
    model = ScriptedModel(["Second."])
    talk = conversation(SETTINGS, "One", "First.")
    type_chat(f"Two\r{CTRL_D}", model, tmp_path, talk=talk)
    assert said(model) == ["One", "First.", "Two"]
    assert saved(tmp_path) == [["One", "First.", "Two", "Second."]]


def test_answers_can_be_looked_at_and_gone_back_to(tmp_path):
    model = ScriptedModel(["First.", "Better.", "On."])
    output = type_chat(f"One\r/retry\r/swipe\r/swipe 1\rTwo\r{CTRL_D}", model, tmp_path)
    assert "1: First.\n2: Better.\n" in output
    assert said(model) == ["One", "First.", "Two"]


def test_messages_and_answers_can_be_edited(tmp_path):
    model = ScriptedModel(["First.", "Second.", "Third."])
    type_chat(f"/edit\rOne\r/edit Uno\r/edit JARVIS: Sir.\rTwo\r{CTRL_D}", model, tmp_path)
    assert said(model, 1) == ["Uno"]
    assert said(model) == ["Uno", "Sir.", "Two"]
    assert saved(tmp_path) == [["Uno", "Sir.", "Two", "Third."]]


def test_why_who_strength_and_history_are_told(tmp_path):
    keys = f"/why\rOne\r/why\r/strength 0.5\r/strength 9\r/strength much\r/who\r/history\r{CTRL_D}"
    output = type_chat(keys, ScriptedModel(["First."]), tmp_path)
    assert "There is no answer yet to explain." in output
    assert "strength 1, 0 messages left out" in output
    assert "JARVIS: strength 0.5\n" in output
    assert output.count("The strength of an adapter is between 0") == 1
    assert "'much' is no number." in output
    assert "JARVIS: scripted, strength 0.5" in output
    assert "Tony Stark › One\nJARVIS › First.\n" in output


def test_what_is_remembered_is_shown_noted_and_forgotten(tmp_path):
    back = Backstage(memory=MemoryFile(tmp_path / "memory.sqlite"))
    keys = f"My cat is called Bob.\r/memory\r/memory Tony likes tea.\r/forget cat\r/forget dog\r/memory\r{CTRL_D}"
    output = type_chat(keys, ScriptedModel(["Noted."]), tmp_path / "chats", backstage=back)
    assert "1: My cat is called Bob.\n" in output
    assert "Forgotten: 1." in output
    assert "Nothing is remembered in these words." in output
    assert [one.text for one in back.memory.all()] == ["Tony likes tea."]


def test_memory_that_is_not_there_is_one_line(tmp_path):
    assert "Memory is switched off" in type_chat(f"/memory\r{CTRL_D}", ScriptedModel([]), tmp_path)
