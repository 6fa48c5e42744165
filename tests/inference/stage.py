"""A character to talk with, and people who type: shared by the tests of this folder."""

import asyncio
import io
import signal
from contextlib import contextmanager

from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from roletune.inference.actor import Actor
from roletune.inference.chat import chat
from roletune.inference.gathering import Gathering
from roletune.inference.lines import TypedLines
from roletune.inference.settings import ChatSettings
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.records import Profile
from roletune.rendering.persona import Persona

PROFILE = Profile(name="JARVIS", aliases=("J.A.R.V.I.S.",), description="He keeps the house.")
PERSONA = Persona(PROFILE, load_prompt("persona"))
SETTINGS = ChatSettings(partner="Tony Stark", location="the workshop", background="It is late.")

CTRL_C, CTRL_D, ALT_ENTER = "\x03", "\x04", "\x1b\r"


class InterruptedModel(ScriptedModel):
    """Somebody presses Ctrl-C after some words of each reply."""

    def __init__(self, script, after):
        super().__init__(script)
        self.after = after

    async def stream(self, request, on_end=None):
        pieces = super().stream(request, on_end)
        for _ in range(self.after):
            yield await anext(pieces)
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()


@contextmanager
def typing(keys):
    with create_pipe_input() as source:
        source.send_text(keys)
        yield TypedLines("Tony Stark", source=source, output=DummyOutput())


def conversation(settings=SETTINGS, *said):
    talk = settings.begin(PERSONA)
    for k, text in enumerate(said):
        talk = talk.answer(text) if k % 2 else talk.say(text)
    return talk


def hold(lines, model, folder, settings=SETTINGS, talk=None, **options):
    """The chat's whole output."""
    console = Console(file=io.StringIO(), width=100)
    gathering = Gathering.of(talk or settings.begin(PERSONA))
    back = options.pop("backstage", None)
    actors = {"JARVIS": Actor(lambda strength: model, settings, back)}
    call = chat(gathering, actors, console, folder=folder, lines=lines, **options)
    asyncio.run(call)
    return console.file.getvalue()


def type_chat(keys, model, folder, **options):
    with typing(keys) as lines:
        return hold(lines, model, folder, **options)
