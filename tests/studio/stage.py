"""A character with something in every tab, without a model: shared by the tests of this folder."""

import asyncio
from contextlib import asynccontextmanager
from functools import cache
from itertools import count

from tests.character import make_character
from tests.evaluation.invented import adapter, report

from roletune.engine.progress import SilentProgress
from roletune.engine.store import write_json, write_records, write_text
from roletune.evaluation.report_html import render_html
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.records import Dialogue, Example, Message, Provenance, Scene, Turn
from roletune.studio.troupe import open_troupe
from roletune.verbs.profile import read_profile
from roletune.verbs.serve import open_characters

HOSTILE = "<img src=http://example.org/x.png> ![x](http://example.org/y.png) ${alert(1)} {{ 7 * 7 }}"


def make_stage(folder, *, trained=True, reported=True, **settings):
    """A character with generated rows, and trained and measured if wanted."""
    make_character(folder, **settings)
    build = folder / "build"
    scenes = [scene(number) for number in range(3)]
    write_records(build / "profile.jsonl", [read_profile(Project.open(folder))])
    write_records(build / "scenes.jsonl", scenes)
    write_records(build / "experiences.jsonl", [dialogue(one) for one in scenes])
    write_records(build / "dataset" / "train.jsonl", [row("r1", "Is it herring again?", "Always, dear.")])
    if trained:
        finish_run(folder, "first")
    if reported:
        write_text(build / "report" / "report.html", report_page())
    return folder


@cache
def report_page():
    return render_html(report("Mira"))


def scene(number):
    return Scene(
        id=f"s{number}",
        title=f"Scene {number}",
        location="the quay",
        background=f"Mira finds thing number {number} there.",
        present=("Olaf", "Mira"),
        provenance=Provenance(source="profile.md"),
    )


def dialogue(played):
    turns = (Turn(speaker="Olaf", text="What is it?"), Turn(speaker="Mira", text="A thing, dear."))
    return Dialogue(
        id=f"d-{played.id}",
        scene=played,
        turns=turns,
        origin="generated",
        split="train",
        provenance=Provenance(source="profile.md"),
    )


def finish_run(folder, name):
    """A run in use, with weights that are none."""
    run = folder / "build" / "runs" / name
    write_json(run / "adapter.json", adapter(character="Mira", run=name))
    write_text(run / "adapter_model.safetensors", f"weights of {name}")
    link = folder / "build" / "adapter"
    link.unlink(missing_ok=True)
    link.symlink_to(f"runs/{name}", target_is_directory=True)


def row(identity, asked, told):
    return Example(
        id=identity,
        messages=(Message(role="user", content=asked), Message(role="assistant", content=told, loss=True)),
        dialogue="d",
        split="train",
        origin="written",
        purpose="lived",
        provenance=Provenance(source="dialogues/scenes.md#one"),
    )


def answers(word):
    """A model that answers every request in other words, numbered."""
    numbers = count(1)
    return ScriptedModel(lambda _: f"{word} answer number {next(numbers)}.", identity=word)


@asynccontextmanager
async def open_stage(*folders, character=None, base=None):
    """The troupe of these characters, with scripted models."""
    models = {"character": character or answers("Salty"), "base": base or answers("Plain")}
    async with open_troupe(open_characters(folders, trained=False), SilentProgress(), models) as troupe:
        yield troupe


def on_stage(work, *folders, **models):
    """`await work(troupe)`, with the troupe open."""

    async def session():
        async with open_stage(*folders, **models) as troupe:
            return await work(troupe)

    return asyncio.run(session())
