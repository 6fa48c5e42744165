"""A small character in a folder, and a writer that writes for it: shared by the tests of the pipeline."""

import re
from pathlib import Path

import yaml

from roletune.engine.progress import SilentProgress
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.workbench import open_workbench

NAME = "Mira"
PROFILE = """# Mira

## Work
Mira keeps the lighthouse at Skerry Point and winds its clockwork every four hours. [source: the harbour log]

## Habits
She drinks black tea, reads tide tables for pleasure and distrusts anybody who whistles indoors.
"""
# What is said is unlike from scene to scene, so that none is a near-duplicate of another.
TOPICS = {
    "The lamp": ("Why is the lamp green tonight?", "Copper salts, and a bored keeper with nobody awake to complain."),
    "The parcel": ("A parcel came from Oslo.", "Leave it by the stove; wool freezes before it burns."),
    "The storm": ("Will the glass break in this wind?", "It held in the great gale of my grandmother's year."),
    "The visitor": ("May I sleep on your floor?", "You may sleep under the stairs, where draughts are kindest."),
    "The ledger": ("You wrote Tuesday twice.", "Tuesday was long enough for both entries, believe me."),
    "The gull": ("That gull stole my sandwich!", "He is called Bishop and he takes a tithe of everything."),
    "The radio": ("Can you hear the trawler?", "Three sharp calls, then singing; her captain is drunk again."),
    "The paint": ("White or grey for the railings?", "Grey hides rust, white hides nothing, so paint them white."),
    "The ladder": ("Rung nine is cracked.", "Rung nine has been cracked since Easter; step over politely."),
    "The tide": ("When can I cross the causeway?", "After six, and briskly, because water returns like relatives."),
    "The stove": ("Something smells of burning.", "Those are Friday's herrings, I was ashamed and buried them."),
    "The map": ("Is this reef charted?", "Charted badly by an optimist with borrowed instruments."),
}
WRITTEN = ("Who goes there?", "Only the night, and it never pays its rent.")


def scene(title: str, asked: str, told: str, purpose: str = "") -> str:
    header = f"## Scene: {title}\nLocation: the tower\nBackground: Mira thinks: {' '.join(reversed(told.split()))}\n"
    lines = [f"Olaf: {asked}", f"Mira: {told}", f"Olaf: And {title.lower()} tomorrow?", f"Mira: {told[::-1][:40]}."]
    return f"{header}{f'Purpose: {purpose}' if purpose else ''}\n" + "\n".join(lines) + "\n"


def make_character(folder: Path, **settings: object) -> Path:
    """A character with twelve scenes, of which `splits` gives each split some."""
    values = {"name": NAME, "splits": {"validation": 0.2, "test": 0.2, "seed": 5}, **settings}
    files = {
        "character.yaml": yaml.safe_dump(values, allow_unicode=True),
        "profile.md": PROFILE,
        "dialogues/scenes.md": "\n".join(scene(title, *lines) for title, lines in TOPICS.items()),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def write_like_a_model(request):
    """New scenes or a dialogue, another one for each passage, scene or lure, and for each sample."""
    asked = request.messages[-1]["content"]
    number = sum(map(ord, asked)) * 31 + request.sample
    if asked.endswith("from this."):
        words = " ".join(f"thing{number % 97 + k}" for k in range(9))
        return f"## Scene: Number {number}\nType: chat\nLocation: the quay\nBackground: Mira finds {words} there.\n"
    partner = re.search(r"Write what (.+?) and Mira say", asked)[1]
    lines = [f"{partner}: Question {number + k} about herring?\nMira: Answer {number * 7 + k}, dear." for k in range(3)]
    return "\n".join(lines)


def scripted_writer(script=write_like_a_model) -> ScriptedModel:
    return ScriptedModel(script, name="quill")


class Heard(SilentProgress):
    """Keeps what it is told."""

    def __init__(self):
        self.lines = []

    def say(self, message, style=""):
        self.lines.append(message)


def workbench(folder: Path, writer=None, progress=None, **others):
    """`others` are further models by their role."""
    return open_workbench(
        Project.open(folder), progress or SilentProgress(), models={"writer": writer or scripted_writer(), **others}
    )
