"""Stage `profile`: read what is known about the character, and give every source its split."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from roletune.engine.store import file_hash, write_json, write_records, write_text
from roletune.errors import ProjectError, SourceError
from roletune.project import Project
from roletune.records import Dialogue, Profile, Speakers
from roletune.rendering.persona import Persona
from roletune.sources import material
from roletune.sources.attribution import Use, render_attribution, stated_licences
from roletune.sources.catchphrases import find_catchphrases
from roletune.sources.cited import cite
from roletune.sources.dialogues import ReadDialogues
from roletune.sources.formats import LINED, read_source
from roletune.sources.licences import allows_commercial_use, most_restrictive
from roletune.sources.lint.checks import lint
from roletune.sources.material import Material
from roletune.sources.profile import read_own_profile
from roletune.sources.settings import Source
from roletune.sources.text import decode, line_starts, read_bytes
from roletune.synthesis.profile_fields import ProfileItem
from roletune.synthesis.structured_profile import fill_profile
from roletune.verbs.profile_fields import is_asked, note_contradictions, note_fields
from roletune.verbs.stage import Stage
from roletune.workbench import Workbench

_FIELDS = ("name", "aliases", "language", "subject", "description", "style", "catchphrases", "boundary")
MAX_SOURCE_BYTES = 100_000_000


async def make_profile(bench: Workbench) -> str:
    """Read the profile and every source, lint the profile, cut it into passages, and say whose it all is."""
    project, settings = bench.project, bench.project.character
    materials = read_materials(project)
    bare = told_profile(project, materials)
    read = read_sources(project, bare, materials)
    notes, lost = await note_fields(bench, bare, settings.profile_fields)
    doubts, unread = await note_contradictions(bench, bare, settings.contradictions)
    noted = bench.keep("profile_fields", notes, [*lost, *unread], ProfileItem)
    profile = described(fill_profile(bare, noted, settings.profile_fields))
    kept = bench.keep("dialogues", read.dialogues, read.rejections, Dialogue)
    used = material.uses(materials, profile.passages, [*kept, *read.scenes])
    findings = (*lint(profile, [*settings.known_names, *_known_names(materials, profile)]), *doubts)
    profile = _with_catchphrases(_licensed(profile, used), kept)
    pairs = material.preferences(materials, Persona(profile, bench.prompt("persona")), settings.splits)
    write_records(project.records("profile"), [profile])
    write_records(project.records("source_scenes"), read.scenes)
    write_records(project.records("preferences"), pairs)
    write_records(project.records("lint"), findings)
    book = material.lore(materials)
    write_json(project.build / "lorebook.json", book)
    write_json(project.build / "speakers.json", Speakers(speakers=material.speakers(materials, profile)))
    write_text(project.build / "ATTRIBUTION.md", render_attribution(profile.name, used))
    for finding in findings:
        bench.progress.say(f"  {finding.severity}: {finding.check}: {finding.message}")
    counts = {
        "passages": len(profile.passages),
        "notes of the writer": len(noted),
        "dialogues": len(kept),
        "scenes to be played": len(read.scenes),
        "preference pairs": len(pairs),
        "lorebook entries": len(book.entries),
        "lint findings": len(findings),
    }
    always = ("passages", "dialogues", "lint findings")
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count or what in always)


def read_materials(project: Project) -> list[Material]:
    """The profile file, if there is one, and every file of every source, in order.

    Raises SourceError for a file that can't be read, ProjectError that lists them if there are several.
    """
    files = [(source, path) for source in project.character.sources for path in project.source_files(source)]
    own = [project.profile_file] if project.profile_file else []
    read, mistakes = [], []
    for open_one in (
        *(partial(_own_profile, project, path) for path in own),
        *(partial(_source_file, project, source, path) for source, path in files),
    ):
        try:
            read.append(open_one())
        except SourceError as error:
            mistakes.append(error)
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        raise ProjectError(f"{len(mistakes)} files can't be read:", [str(mistake) for mistake in mistakes])
    return read


def _own_profile(project: Project, path: Path) -> Material:
    name = project.told(path)
    reading = read_own_profile(read_bytes(path), name)
    return Material(cite(reading, name, licence=project.character.licence), "prose", reading, "knowledge")


def _source_file(project: Project, source: Source, path: Path) -> Material:
    licence = project.character.licence
    return read_material(path, _name(project, source, path), source, licence, _rttm(project, source))


def read_material(path: Path, name: str, source: Source, licence: str = "", rttm: str = "") -> Material:
    """One file of a source, told as `name`; `licence` is that of what was written for the character.

    `rttm` is the text of the file that says who speaks when in it.
    """
    data = read_bytes(path, MAX_SOURCE_BYTES)
    form, reading = read_source(data, name, source.format, source.options._replace(rttm=rttm))
    stated = source.licence or reading.licence or (licence if source.origin == "written" else "")
    cited = cite(reading, name, source.origin, stated, source.url, source.date)
    return Material(cited, form, reading, source.kind, line_starts(data, name) if form in LINED else ())


def read_profile(project: Project, materials: Sequence[Material] | None = None) -> Profile:
    """The profile as settings and sources tell it; without a description, the first passage describes.

    Raises ProjectError if nothing tells about the character.
    """
    return described(told_profile(project, read_materials(project) if materials is None else materials))


def described(profile: Profile) -> Profile:
    """The profile; without a description, its first passage describes."""
    return profile.model_copy(update={"description": profile.description or profile.passages[0].text})


def told_profile(project: Project, materials: Sequence[Material]) -> Profile:
    """The profile without anything that stands in for what nobody told. Raises ProjectError as `read_profile` does."""
    character = project.character
    passages, _ = material.passages(materials)
    if not passages:
        raise ProjectError(
            f"Nothing tells about {character.name}. Write what is known into {project.folder / character.profile}, or "
            f"import a source that tells it: roletune import {project.folder} FILE"
        )
    fields = {name: getattr(character, name) for name in _FIELDS}
    return Profile(**fields, passages=tuple(passages), facts=tuple(material.facts(materials)))


def read_sources(project: Project, profile: Profile, materials: Sequence[Material] | None = None) -> ReadDialogues:
    """The dialogues of every source, in order, scenes that are to be played, and what could not be read.

    Raises ProjectError if there are scenes and the character speaks in none of them.
    """
    materials = read_materials(project) if materials is None else materials
    read = material.dialogues(materials, profile, project.character.splits)
    rejections = (*read.rejections, *material.passages(materials)[1])
    played = any(each.reading.scenes for each in materials if each.kind != "knowledge")
    if played and not read.dialogues and not read.scenes:
        reasons = "; ".join(f"{row.detail}: {row.reason}" for row in rejections[:3]) or "they are empty"
        raise ProjectError(
            f"No dialogue of {profile.name} in the sources ({reasons}). Speakers are matched by name and aliases: "
            f"{', '.join((profile.name, *profile.aliases))}."
        )
    return ReadDialogues(read.dialogues, rejections, read.scenes)


def _known_names(materials: Sequence[Material], profile: Profile) -> list[str]:
    """Who speaks in the sources is no stranger; but for those that a model wrote, which repeats what vandals wrote."""
    trusted = [each for each in materials if each.cited.origin != "generated"]
    return [speaker.name for speaker in material.speakers(trusted, profile)]


def _with_catchphrases(profile: Profile, dialogues: Sequence[Dialogue]) -> Profile:
    """The profile with what the character says again and again, if the settings don't tell it; never from held-out."""
    if profile.catchphrases:
        return profile
    found = find_catchphrases([one for one in dialogues if one.split == "train"], profile)
    return profile.model_copy(update={"catchphrases": tuple(phrase.text for phrase in found)})


def _licensed(profile: Profile, used: Sequence[Use]) -> Profile:
    """The profile with the licence that wins."""
    licences = stated_licences(used)
    whole = {"licence": most_restrictive(licences), "commercial_use": allows_commercial_use(licences)}
    return profile.model_copy(update=whole)


def _name(project: Project, source: Source, path: Path) -> str:
    """The source's id: the same on every machine, so never an absolute path."""
    if not source.package:
        return project.told(path)
    inside = "" if path.name == Path(source.path).name else f"/{path.name}"
    return f"{source.package}:{source.path}{inside}"


def _inputs(project: Project) -> list[tuple[str, str]]:
    sources = [path for source in project.character.sources for path in project.source_files(source)]
    own = [project.profile_file] if project.profile_file else []
    beside = [project.folder / source.rttm for source in project.character.sources if source.rttm]
    return [(path.name, file_hash(path)) for path in [*own, *sources, *beside]]


def _rttm(project: Project, source: Source) -> str:
    path = project.folder / source.rttm
    return decode(read_bytes(path), project.told(path)) if source.rttm else ""


def _asked(bench: Workbench) -> list[object]:
    """What decides the answers of the models, where any is asked."""
    settings = bench.project.character
    asked: list[object] = []
    if is_asked(bench, "writer", settings.profile_fields):
        asked += [settings.profile_fields, bench.prompt("profile").hash, bench.ask("writer", "profile").identity]
    if is_asked(bench, "judge", settings.contradictions):
        asked += [settings.contradictions, bench.prompt("contradictions").hash, bench.ask("judge", "profile").identity]
    return asked


STAGE = Stage(
    "profile",
    "read what is known: passages, authentic and written dialogues, lint findings",
    make_profile,
    reads=(),
    writes=(
        "profile.jsonl",
        "profile_fields.jsonl",
        "profile_fields.rejected.jsonl",
        "source_scenes.jsonl",
        "preferences.jsonl",
        "lint.jsonl",
        "speakers.json",
        "lorebook.json",
        "ATTRIBUTION.md",
        "dialogues.jsonl",
        "dialogues.rejected.jsonl",
    ),
    settings=lambda bench: (
        [getattr(bench.project.character, name) for name in (*_FIELDS, "sources", "splits", "licence")],
        list(bench.project.character.known_names),
        _inputs(bench.project),
        _asked(bench),
        bench.prompt("persona").hash,
    ),
)
