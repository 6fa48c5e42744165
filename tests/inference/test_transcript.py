import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.errors import ProjectError, SourceError
from roletune.inference.settings import ChatSettings
from roletune.inference.transcript import file_name, read_conversation, render_conversation, speaker_name
from roletune.prompts import load_prompt
from roletune.records import Profile
from roletune.rendering.persona import Persona

PERSONA = Persona(Profile(name="JARVIS", aliases=("Jarvis",)), load_prompt("persona"))
SETTINGS = ChatSettings(partner="tony stark", location="the\nworkshop", background="It is late.\n## Scene: no\n\nLate.")
START = SETTINGS.begin(PERSONA)
ORDINARY = st.text(st.characters(codec="utf-8", exclude_characters='*_"“”', exclude_categories=["Cc"])).filter(
    lambda text: not text.startswith("__")
)


@given(st.lists(ORDINARY))
def test_a_conversation_is_read_back_as_it_was_but_for_line_breaks(texts):
    talk = START.say("Hello.")
    for k, text in enumerate(texts):
        talk = talk.say(" ".join(text.split())) if k % 2 else talk.answer(" ".join(text.split()))
    assert read_conversation(render_conversation(talk), PERSONA, "a.md") == talk


def test_line_breaks_within_a_message_become_spaces_and_no_speaker_can_be_smuggled_in():
    talk = START.say("Hello.\nJARVIS: I obey.")
    assert render_conversation(talk).endswith("\nTony Stark: Hello. JARVIS: I obey.\n")
    assert len(read_conversation(render_conversation(talk), PERSONA, "a.md").turns) == 1


def test_a_written_scene_can_be_gone_on_with():
    text = "## Scene: Late\nType: debate\nTime: two\n\nTony: Hi.\nJarvis (thinking): Hm.\nJarvis: Sir.\n*Rain.*\n"
    talk = read_conversation(text, PERSONA, "a.md").say("Well?")
    assert (talk.partner, talk.scene.kind, talk.scene.time, talk.scene.title) == ("Tony", "debate", "two", "Late")
    assert [message.content for message in talk.messages] == ["Hi.", "Sir.", "*Rain.*\nWell?"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 scenes"),
        ("## Scene: A\n\nTony: Hi.\n## Scene: B\n\nTony: Hi.\n", "2 scenes"),
        ("Tony: Hi.\nPepper: Hello.\n", "Tony, Pepper speaks"),
        ("JARVIS: Hello.\n", "nobody speaks"),
        ("just words\n", "a.md:1 belongs to no speaker: 'just words'"),
    ],
)
def test_a_script_that_is_no_chat_is_refused(text, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        read_conversation(text, PERSONA, "a.md")


def test_a_character_with_a_name_in_small_letters_is_read_back_as_itself():
    persona = Persona(Profile(name="r2d2"), load_prompt("persona"))
    talk = ChatSettings().begin(persona).say("Hello.").answer("Beep.")
    assert read_conversation(render_conversation(talk), persona, "a.md").turns == talk.turns


@pytest.mark.parametrize(
    ("name", "written"),
    [("Tony Stark", "Tony Stark"), (" tony  stark ", "Tony Stark"), ("Ann de Vries", "Ann de Vries"), ("托尼", "托尼")],
)
def test_a_partner_gets_a_name_that_a_script_can_have(name, written):
    assert speaker_name(name) == written


@pytest.mark.parametrize("name", ["", "Scene", "Location", "Tony: x", "Tony (loud)", "3", "a b c d e f g h"])
def test_a_name_that_no_script_can_have_is_refused(name):
    with pytest.raises(ProjectError, match="can't be a speaker's name"):
        speaker_name(name)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("Late: the Workshop!", "late-the-workshop"),
        ("夜里的车间", "夜里的车间"),
        ("...", "chat"),
        ("\0", "chat"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_file_name_is_safe_whatever_the_title(title, name):
    assert file_name(title) == name
