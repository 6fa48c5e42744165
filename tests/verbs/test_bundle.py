"""A character goes into one file and comes out of it elsewhere, found by its name; hostile files get nowhere."""

import asyncio
import hashlib
import io
import json
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.character import workbench
from tests.cli.terminal import roletune
from tests.inference import tiny

from roletune import load
from roletune.engine.progress import SilentProgress
from roletune.errors import ModelError, ProjectError, SourceError
from roletune.installed import characters_folder, installed_names
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.sources.cards.card import parse_card
from roletune.sources.lore import lore_of
from roletune.verbs.bundle import write_bundle
from roletune.verbs.install import install
from roletune.verbs.load import read_persona
from roletune.verbs.serve import open_characters

pytestmark = pytest.mark.model
HOSTILE = b"cos\nsystem\n(S'true'\ntR."


@pytest.fixture(scope="module")
def bundle(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "mira.roletune.zip"

    async def session():
        async with workbench(trained[0]) as bench:
            write_bundle(bench, out)

    asyncio.run(session())
    return out.read_bytes()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A user's data folder of its own, and a working directory without characters."""
    monkeypatch.setenv("ROLETUNE_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {info.filename: packed.read(info) for info in packed.infolist()}


def packed(held, told=None, packing=zipfile.ZIP_STORED, links=()):
    """A bundle of these members; `told` changes what bundle.json tells, which otherwise fits them."""
    document = json.loads(held["bundle.json"])
    files = {name: data for name, data in held.items() if name != "bundle.json"}
    document["files"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as made:
        made.writestr("bundle.json", json.dumps(document | (told or {})))
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = packing
            info.external_attr = (stat.S_IFLNK | 0o777) << 16 if name in links else 0o644 << 16
            made.writestr(info, data)
    return out.getvalue()


def take_in(data, base, path, **options):
    path.write_bytes(data)
    return install(path, SilentProgress(), base=str(base), **options)


def test_a_bundle_holds_everything_but_the_data(bundle, trained):
    held = members(bundle)
    told = json.loads(held["bundle.json"])
    assert set(told["files"]) == set(held) - {"bundle.json"}
    assert {"card.png", "data.json", "NOTICE.md", "ATTRIBUTION.md", "profile.jsonl", "Modelfile"} <= set(held)
    assert {"adapter/adapter_model.safetensors", "adapter/adapter.gguf"} <= set(held)
    assert all(hashlib.sha256(held[name]).hexdigest() == file["sha256"] for name, file in told["files"].items())
    manifest = json.loads(held["data.json"])
    assert manifest["files"]["train.jsonl"]["bytes"] > 0
    assert manifest["statistics"]["origins"] == {"written": 12} or manifest["statistics"]["train_dialogues"] > 0
    texts = [data for name, data in held.items() if not name.startswith("adapter/adapter_model")]
    assert not any(str(trained[1].parent).encode() in data for data in texts)


def test_what_was_installed_is_found_by_its_name(bundle, trained, tmp_path, capsys):
    folder, base = trained
    made = take_in(bundle, base, tmp_path / "b.zip")
    assert made.folder == characters_folder() / "mira"
    assert read_persona(Project.open(Path("mira"))) == read_persona(Project.open(folder))
    assert list(open_characters([Path("mira")])) == ["mira"]
    with load("MIRA", model=ScriptedModel(lambda request: request.messages[0]["content"][:40])) as mira:
        assert mira.reply("Good evening.")
        assert mira.conversation.partner == "Olaf"
    end = roletune(capsys, "installed", "--json")
    assert json.loads(end.out)[0]["notices"] == ["Mira belongs to nobody."]
    with pytest.raises(ProjectError, match="is installed already"):
        take_in(bundle, base, tmp_path / "b.zip")
    assert take_in(bundle, base, tmp_path / "b.zip", name="Other").folder.name == "other"
    assert roletune(capsys, "uninstall", "mira").code == 0
    assert installed_names() == ["other"]
    assert "Installed: other" in roletune(capsys, "uninstall", "mira").err


def test_chats_are_not_lost_with_a_character(bundle, trained, tmp_path, capsys):
    made = take_in(bundle, trained[1], tmp_path / "b.zip")
    (made.folder / "journal" / "chats").mkdir(parents=True)
    (made.folder / "journal" / "chats" / "one.md").write_text("Olaf: Hello.\n")
    assert "holds 1 chats" in roletune(capsys, "uninstall", "mira").err
    assert roletune(capsys, "uninstall", "mira", "--chats").code == 0
    assert installed_names() == []


def changed(name, change):
    return lambda held: packed(held | {name: change(held.get(name, b""))})


def config(**values):
    return changed("adapter/adapter_config.json", lambda data: json.dumps(json.loads(data) | values).encode())


def with_hash_of_another(held):
    document = json.loads(packed_document(held))
    document["files"]["profile.jsonl"]["sha256"] = "0" * 64
    return packed(held, document)


def packed_document(held):
    return members(packed(held))["bundle.json"]


def too_long(held):
    document = json.loads(packed_document(held))
    document["files"]["README.md"] = {"sha256": "0" * 64, "bytes": 10**12}
    return packed(held | {"README.md": b""}, document)


def longer_than_told(held):
    document = json.loads(packed_document(held))
    document["files"]["NOTICE.md"]["bytes"] = 3
    return packed(held, document)


def twice(held):
    out = io.BytesIO(packed(held))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(out, "a") as made:
        made.writestr("NOTICE.md", b"other")
    return out.getvalue()


FAULTS = {
    "another hash": (with_hash_of_another, SourceError, "not the file that was exported"),
    "cut off": (lambda held: packed(held)[:-400], SourceError, "damaged"),
    "no bundle.json": (lambda held: renamed(held, "bundle.json", "b.json"), SourceError, "lacks bundle.json"),
    "another version": (lambda held: packed(held, {"schema_version": 2}), SourceError, "newer roletune"),
    "a name that leads out": (lambda held: packed(held, {"name": "../x"}), SourceError, "name"),
    "a run that leads out": (lambda held: packed(held, {"run": "../../x"}), SourceError, "run"),
    "zip slip": (changed("../../evil.md", lambda _: b"x"), SourceError, "outside of itself"),
    "a pickle": (changed("adapter/adapter_model.bin", lambda _: HOSTILE), SourceError, "Pickles can run code"),
    "a pickle in disguise": (changed("adapter/adapter_model.safetensors", lambda _: HOSTILE), ModelError, "whatever"),
    "code": (changed("prompts/run.py", lambda _: b"x"), SourceError, "which no bundle has"),
    "a link": (lambda held: packed(held | {"README.md": b"/etc/passwd"}, links={"README.md"}), SourceError, "link"),
    "weights that unpack": (lambda held: packed(held, packing=zipfile.ZIP_DEFLATED), SourceError, "is packed"),
    "a bomb": (too_long, SourceError, "is over"),
    "more than it tells": (longer_than_told, SourceError, "unpacks to over 3 bytes"),
    "a member twice": (twice, SourceError, "does not hold the files"),
    "a module to import": (config(auto_mapping={"parent_library": "antigravity"}), ModelError, "auto_mapping"),
    "megatron": (config(megatron_config={"a": 1}), ModelError, "megatron_config"),
    "weights that are changed": (config(init_lora_weights="pissa"), ModelError, "changes the base"),
    "a living person": (lambda held: packed(held, {"subject": "living"}), ProjectError, "who agreed"),
    "somebody else": (lambda held: packed(held, {"character": "Olaf"}), SourceError, "somebody else"),
    "another base": (lambda held: packed(held, {"run": "other"}), SourceError, "another training"),
    "a setting that is none": (lambda held: packed(held, {"chat": {"autosave": "x"}}), ProjectError, "autosave"),
    "no gguf adapter": (changed("adapter/adapter.gguf", lambda _: b"GGUF" + b"\0" * 90), ModelError, "GGUF"),
}


def renamed(held, old, new):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, data in held.items():
            made.writestr(new if name == old else name, data)
    return out.getvalue()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_hostile_or_damaged_bundle_is_refused_and_leaves_nothing(bundle, trained, tmp_path, fault):
    make, error, told = FAULTS[fault]
    with pytest.raises(error, match=told):
        take_in(make(members(bundle)), trained[1], tmp_path / "b.zip")
    assert left(tmp_path) == []


def left(folder):
    root = characters_folder()
    inside = [path.name for path in root.iterdir() if path.name != ".lock"] if root.is_dir() else []
    return [*inside, *(path.name for path in folder.rglob("evil*"))]


def test_other_weights_than_the_adapters_are_refused(bundle, trained, tmp_path):
    other = tiny.base_folder(tmp_path / "other", "Llama", context=2048)
    with pytest.raises(ModelError, match="was trained on"):
        take_in(bundle, other, tmp_path / "b.zip")
    with pytest.raises(ProjectError, match="Name your copy of it: --base"):
        install(tmp_path / "b.zip", SilentProgress())
    assert left(tmp_path) == []


def test_an_interrupted_installation_leaves_nothing_that_is_found(bundle, trained, tmp_path):
    (tmp_path / "b.zip").write_bytes(bundle)
    code = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from roletune.engine.progress import SilentProgress\nimport roletune.verbs.install as verb\n"
        "real = os.rename\n"
        "os.rename = lambda *names: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"verb.install(Path('b.zip'), SilentProgress(), base={str(trained[1])!r})\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == -9
    assert left(tmp_path) != []
    assert installed_names() == []
    take_in(bundle, trained[1], tmp_path / "b.zip")
    assert left(tmp_path) == ["mira"]


def test_the_card_alone_tells_what_the_character_is(trained, tmp_path, capsys):
    for name in ("mira.png", "mira.json"):
        end = roletune(capsys, "export", trained[0], "--card", tmp_path / name)
        assert end.code == 0, end.err
        card = parse_card((tmp_path / name).read_bytes(), name)
        assert card.data.name == "Mira"
        assert "Mira belongs to nobody." in card.data.creator_notes
        assert "{{char}}: " in card.data.mes_example
        entries = lore_of(card.data.character_book, "Mira").entries
        assert "lighthouse" in entries[0].text
        assert "skerry" in entries[0].keys
    assert "no such" not in end.err
    assert "A card is a .png or a .json" in roletune(capsys, "export", trained[0], "--card", tmp_path / "x.gif").err
