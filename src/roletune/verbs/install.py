"""`install`: a bundle from anybody becomes a character that is found by its name.

Guarantees: nothing but the files of `bundle.LAYOUT` is taken, each with the size and the hash that `bundle.json` tells;
no pickle, link or path that leads elsewhere; settings are written anew from the few that a bundle may have, so none of
its maker's can name an endpoint, a key or a file; the report's page is made again from its figures. A character is
there whole or not at all: it is put together in a hidden folder, which becomes visible in one step.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from roletune.character_file import SETTINGS_FILE
from roletune.engine.lock import project_lock
from roletune.engine.progress import Progress
from roletune.engine.store import read_records, write_text
from roletune.errors import ModelError, ProjectError, ResourceError, SourceError
from roletune.evaluation.report_html import render_html
from roletune.inference.serve.names import BASE
from roletune.installed import characters_folder, installed_folder, installed_names, is_name
from roletune.models.adapter_check import check_adapter
from roletune.models.weights import HUB_ID, KNOWN, packaged_file, resolve
from roletune.project import Project
from roletune.records import Adapter, Bundle, Lorebook, Profile, Report
from roletune.sources.archive import Archive, Bounds
from roletune.verbs.bundle import BUNDLE, LAYOUT, WEIGHT_BYTES

_MOST_TOLD = 1_000_000  # bytes of bundle.json
_BOUNDS = Bounds(2 * WEIGHT_BYTES, 2 * WEIGHT_BYTES, "Export it again with a smaller rank")
_TEXTS_TOGETHER = 100_000_000
_REPORT = "report/report.json"


class Installed(NamedTuple):
    """A character that was taken in; `warnings` are for whoever took it."""

    folder: Path
    bundle: Bundle
    warnings: tuple[str, ...]


def install(path: Path, progress: Progress, *, name: str = "", base: str = "") -> Installed:
    """Take in the bundle at `path`, under another `name` or on the weights `base` if they are given.

    Raises SourceError for a bundle that is damaged or not to be trusted, ModelError for such an adapter, ProjectError
    for a living person without consent and a name that is taken, ResourceError if the disk is full.
    """
    root = characters_folder()
    try:
        with path.open("rb") as file, project_lock(root):
            archive = Archive(file, path.name, "bundle", _BOUNDS)
            bundle = read_bundle(archive)
            chosen = _checked_name(name or bundle.name)
            sweep(root)
            with _hidden(root) as folder:
                with progress.task(f"installing {chosen}", None):
                    _unpack(archive, bundle, folder)
                    _check(bundle, folder)
                _settle(bundle, folder, base)
                warnings = _warnings(bundle, Project.open(folder).base)
                os.rename(folder, root / chosen)
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise ResourceError(
            f"{error.filename or path}: {error.strerror or error}. Check the path and the disk."
        ) from error
    return Installed(root / chosen, bundle, warnings)


def uninstall(name: str, *, chats: bool = False) -> Path:
    """Remove an installed character; with saved chats or memories only if `chats` says so.

    Raises ProjectError if there is none of this name, or if something of the user's would be lost.
    """
    root = characters_folder()
    folder = installed_folder(name)
    if folder is None:
        told = ", ".join(installed_names()) or "none"
        raise ProjectError(f"No character is installed as {name[:64]!r}. Installed: {told}.")
    kept = [path for path in (folder / "journal").rglob("*") if path.is_file() and path.parent.name == "chats"]
    if kept and not chats:
        raise ProjectError(
            f"{folder / 'journal' / 'chats'} holds {len(kept)} chats. Copy them, or remove them: --chats"
        )
    with project_lock(root):
        gone = root / f".{folder.name}-{secrets.token_hex(4)}"
        os.rename(folder, gone)  # in one step: it is there whole or not at all
        sweep(root)
    return folder


def sweep(root: Path) -> None:
    """Remove what an interrupted installation left; the caller holds the lock."""
    for path in root.glob(".*-*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def read_bundle(archive: Archive) -> Bundle:
    """What a bundle tells of itself, with what it holds compared to it. Raises SourceError, ProjectError."""
    try:
        bundle = Bundle.model_validate_json(archive.read(BUNDLE, _MOST_TOLD))
    except ValidationError as error:
        places = ", ".join(".".join(map(str, each["loc"])) or "all of it" for each in error.errors()[:3])
        raise SourceError(
            f"{archive.name}: {BUNDLE} is not one that this roletune knows ({places}). Install a newer roletune, or "
            "have it exported again."
        ) from error
    if len(archive.listed) != len(archive.names) or archive.names != {BUNDLE, *bundle.files}:
        raise SourceError(f"{archive.name} does not hold the files that {BUNDLE} tells of. Get another copy.")
    if strange := sorted(set(bundle.files) - set(LAYOUT)):
        pickled = " Pickles can run code when they are read." if strange[0].endswith((".bin", ".pt", ".pkl")) else ""
        raise SourceError(f"{archive.name} holds {strange[0][:80]!r}, which no bundle has.{pickled} Don't unpack it.")
    if missing := sorted(member for member, each in LAYOUT.items() if each.required and member not in bundle.files):
        raise SourceError(f"{archive.name} lacks {missing[0]}. Have it exported again.")
    _check_sizes(archive, bundle)
    if bundle.subject == "living" and not bundle.consent.strip():
        raise ProjectError(
            f"{bundle.character[:80]} is a living person, and the bundle does not say who agreed to it. Ask its maker "
            "to set `consent` and to export it again."
        )
    return bundle


def _check_sizes(archive: Archive, bundle: Bundle) -> None:
    texts = 0
    for member, told in bundle.files.items():
        limit = LAYOUT[member].limit
        if told.bytes > limit:
            raise SourceError(f"{archive.name}: {member} is over {limit:,} bytes. Don't unpack it.")
        if limit == WEIGHT_BYTES and archive.is_packed(member):
            raise SourceError(
                f"{archive.name}: {member} is packed, and weights are stored as they are. Export it again."
            )
        texts += told.bytes if limit != WEIGHT_BYTES else 0
    if texts > _TEXTS_TOGETHER:
        raise SourceError(f"{archive.name} unpacks to {texts:,} bytes of text. Don't unpack it.")


def _checked_name(name: str) -> str:
    name = name.casefold()
    if not is_name(name) or name == BASE:
        raise ProjectError(f"{name[:80]!r} can't be a character's name. Use letters, digits, '-', '_' and '.': --name")
    if (characters_folder() / name).exists():
        raise ProjectError(
            f"{name} is installed already. Install it under another name (--name), or remove that one first: "
            f"roletune uninstall {name}"
        )
    return name


@contextmanager
def _hidden(root: Path) -> Iterator[Path]:
    """A new folder that nobody finds; gone at the end, unless it was renamed."""
    folder = root / f".new-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place(bundle: Bundle, member: str) -> str:
    """Where a member goes: the adapter among the runs, as if it had been trained here."""
    return (LAYOUT[member].place or member).replace("build/adapter/", f"build/runs/{bundle.run}/")


def _unpack(archive: Archive, bundle: Bundle, folder: Path) -> None:
    needed = sum(told.bytes for told in bundle.files.values())
    if needed > (free := shutil.disk_usage(folder).free):
        raise ResourceError(f"{archive.name} needs {needed / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free. Free some.")
    for member, told in bundle.files.items():
        target = folder / _place(bundle, member)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            digest = archive.copy(member, file, told.bytes)
            file.flush()
            os.fsync(file.fileno())
        if digest != told.sha256 or target.stat().st_size != told.bytes:
            raise SourceError(f"{archive.name}: {member} is not the file that was exported. Get another copy.")
        target.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)
    link = folder / "build" / "adapter"
    link.symlink_to(Path("runs") / bundle.run, target_is_directory=True)


def _check(bundle: Bundle, folder: Path) -> None:
    """That the records are records, and of one character on one base; the report's page is made from its figures."""
    build = folder / "build"
    check_adapter(build / "adapter")
    profiles = read_records(build / "profile.jsonl", Profile)
    adapter = _record(build / "adapter" / "adapter.json", Adapter)
    if len(profiles) != 1 or profiles[0].name != bundle.character or profiles[0].subject != bundle.subject:
        raise SourceError(f"The bundle's profile is of somebody else than {bundle.character[:80]!r}. Get another copy.")
    if (adapter.run, adapter.base_identity) != (bundle.run, bundle.base.identity):
        raise SourceError(f"The bundle's adapter is of another training than {BUNDLE} tells. Get another copy.")
    if (build / "lorebook.json").is_file():
        _record(build / "lorebook.json", Lorebook)
    page = build / "report" / "report.html"
    page.unlink(missing_ok=True)
    if _REPORT in bundle.files:
        write_text(page, render_html(_record(build / _REPORT, Report)))


def _record(path: Path, kind: type[Any]) -> Any:
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise SourceError(f"The bundle's {path.name} can't be read by this roletune. Install a newer one.") from error


def _settle(bundle: Bundle, folder: Path, base: str) -> None:
    """`character.yaml` and `profile.md`, written anew. Raises ProjectError for settings that can't be used."""
    (profile,) = read_records(folder / "build" / "profile.jsonl", Profile)
    known = bundle.base.name in KNOWN or HUB_ID.fullmatch(bundle.base.name)
    if not base and not known:
        raise ProjectError(f"The base model {bundle.base.name[:80]!r} is on no hub. Name your copy of it: --base")
    settings: dict[str, Any] = {
        "name": bundle.character,
        "aliases": list(bundle.aliases),
        "language": bundle.language,
        "subject": bundle.subject,
        "consent": bundle.consent,
        "notice": " ".join(bundle.notices),
        "licence": bundle.licence,
        "base": str(Path(base).expanduser().resolve())
        if Path(base).expanduser().exists() and base
        else base or bundle.base.name,
        "sources": [],
        "chat": bundle.chat,
    }
    write_text(folder / SETTINGS_FILE, yaml.safe_dump(settings, allow_unicode=True, sort_keys=False))
    told = [
        f"## {' '.join(each.heading.split())}\n\n{each.text}" if each.heading else each.text
        for each in profile.passages
    ]
    write_text(
        folder / "profile.md",
        "\n\n".join([f"# {profile.name}", *(told or [profile.description or profile.name])]) + "\n",
    )


def _warnings(bundle: Bundle, base: str) -> tuple[str, ...]:
    """What is known of the base on this machine. Raises ModelError if it is another one than the adapter's."""
    known = KNOWN.get(base)
    here = packaged_file(known) is not None if known else Path(base).exists()
    if not here:
        return (f"The base model {bundle.base.label} is not on this machine yet; it is fetched when it is needed.",)
    found = resolve(base).identity()
    if found != bundle.base.identity:
        raise ModelError(
            f"The adapter was trained on {bundle.base.label} ({bundle.base.identity}), and {base} is {found}. Name the "
            "right weights with --base."
        )
    return ()
