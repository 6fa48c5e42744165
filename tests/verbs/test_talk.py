"""One or several characters on stage, and a chat that is gone on with; on a tiny random base."""

import asyncio
import io
import json
import shutil
import sys

import pytest
import yaml
from tests.cli.terminal import roletune

from roletune.engine.progress import SilentProgress
from roletune.errors import ModelError, ProjectError, TrainingError
from roletune.inference.chat_file import ChatFile
from roletune.inference.settings import GroupSettings
from roletune.project import Project
from roletune.verbs.load import load, read_persona
from roletune.verbs.talk import open_cast

pytestmark = pytest.mark.model


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of a trained character that says little."""
    return changed(shutil.copytree(trained[0], tmp_path / "mira", symlinks=True), chat={"max_tokens": 4})


def changed(folder, **settings):
    path = folder / "character.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text("utf-8")) | settings), "utf-8")
    return folder


def begun(project):
    return project.character.chat.begin(read_persona(project)).say("Is it Tuesday?").answer("All day, dear.")


def opened(projects, **options):
    async def session():
        async with open_cast(projects, SilentProgress(), **options) as cast:
            return cast

    return asyncio.run(session())


def test_a_saved_chat_is_shown_and_gone_on_with_in_a_file_of_its_own(folder, capsys, monkeypatch):
    chats = folder / "journal" / "chats"
    first = ChatFile(chats).save(begun(Project.open(folder)), "tuesday")
    before = first.read_text("utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO("And tomorrow?\n"))
    end = roletune(capsys, "chat", folder, "--resume", "tuesday")
    assert end.code == 0, end.err
    assert "Mira › All day, dear." in end.err
    assert first.read_text("utf-8") == before
    (after,) = (path.read_text("utf-8") for path in chats.glob("*.md") if path != first)
    assert after.index("Mira: All day, dear.") < after.index("Guest: And tomorrow?") < len(after) - 20


def test_who_plays_is_ready_with_its_scene_its_notice_and_whoever_directs(folder):
    project = Project.open(folder)
    talk = begun(project)
    cast = opened([project], begun=talk, strength=0.0, group=GroupSettings(next="model", narrator=True))
    assert cast.gathering.turns == talk.turns
    assert (cast.gathering.names, cast.gathering.narrator) == (("Mira",), "Narrator")
    assert (cast.notice, cast.actors["Mira"].strength) == ("Mira belongs to nobody.", 0.0)
    assert cast.actors["Mira"].backstage.can_warm
    assert cast.director.chooses
    assert cast.director.narrates
    assert not opened([project]).director.chooses


def test_several_need_names_of_their_own_and_a_base_that_one_server_can_hold(folder, tmp_path):
    twin = shutil.copytree(folder, tmp_path / "twin", symlinks=True)
    with pytest.raises(ProjectError, match="Two characters are called Mira"):
        opened([Project.open(folder), Project.open(twin)])
    profile = twin / "build" / "profile.jsonl"
    profile.write_text(profile.read_text("utf-8").replace('"name":"Mira"', '"name":"Nora"'), "utf-8")
    with pytest.raises(ModelError, match="can't serve"):
        opened([Project.open(folder), Project.open(changed(twin, name="Nora"))])


def test_an_adapter_of_another_base_is_not_put_on_stage(folder):
    record = folder / "build" / "adapter" / "adapter.json"
    run = folder / "build" / "runs" / record.resolve().parent.name / "adapter.json"
    written = json.loads(run.read_text("utf-8"))
    run.write_text(json.dumps(written | {"base_identity": "0" * 16}), "utf-8")
    with pytest.raises(TrainingError, match="was trained on"):
        opened([Project.open(folder)])
    with load(folder) as character, pytest.raises(TrainingError, match="was trained on"):
        character.reply("Is it Tuesday?")
