"""Stage `profile`: read what is known about the character, and give every source its split."""

from __future__ import annotations

from pathlib import Path

from roletune.engine.store import file_hash, write_records
from roletune.errors import ProjectError
from roletune.project import Project, Source
from roletune.records import Dialogue, Profile
from roletune.sources.dialogues import ReadDialogues, read_dialogues
from roletune.sources.lint import lint
from roletune.sources.profile import parse_profile
from roletune.sources.text import read_text
from roletune.verbs.stage import Stage
from roletune.workbench import Workbench

_FIELDS = ("name", "aliases", "language", "subject", "description", "style", "catchphrases", "boundary")


async def make_profile(bench: Workbench) -> str:
    """Read the profile and every source of dialogues, lint the profile, cut it into passages."""
    project = bench.project
    profile = read_profile(project)
    read = read_sources(project, profile)
    findings = lint(profile)
    write_records(project.records("profile"), [profile])
    write_records(project.records("lint"), findings)
    kept = bench.keep("dialogues", read.dialogues, read.rejections, Dialogue)
    for finding in findings:
        bench.progress.say(f"  {finding.severity}: {finding.check}: {finding.message}")
    return f"{len(profile.passages)} passages, {len(kept)} dialogues, {len(findings)} lint findings"


def read_profile(project: Project) -> Profile:
    """The profile as settings and profile file tell it; without a description, the first passage describes."""
    character = project.character
    path = project.folder / character.profile
    text = parse_profile(read_text(path), project.told(path), character.licence)
    fields = {name: getattr(character, name) for name in _FIELDS}
    fields["description"] = character.description or text.passages[0].text
    return Profile(**fields, passages=text.passages)


def read_sources(project: Project, profile: Profile) -> ReadDialogues:
    """The dialogues of every source, in order, and what in them could not be read.

    Raises ProjectError if there are sources and the character has no dialogue in any of them.
    """
    read = [
        read_dialogues(read_text(path), _name(project, source, path), source.origin, profile, project.character.splits)
        for source in project.character.sources
        for path in project.source_files(source)
    ]
    dialogues = tuple(dialogue for part in read for dialogue in part.dialogues)
    rejections = tuple(rejection for part in read for rejection in part.rejections)
    if read and not dialogues:
        reasons = "; ".join(f"{row.detail}: {row.reason}" for row in rejections[:3]) or "they are empty"
        raise ProjectError(
            f"No dialogue of {profile.name} in the sources ({reasons}). Speakers are matched by name and aliases: "
            f"{', '.join((profile.name, *profile.aliases))}."
        )
    return ReadDialogues(dialogues, rejections)


def _name(project: Project, source: Source, path: Path) -> str:
    """The source's id: the same on every machine, so never an absolute path."""
    if not source.package:
        return project.told(path)
    inside = "" if path.name == Path(source.path).name else f"/{path.name}"
    return f"{source.package}:{source.path}{inside}"


def _inputs(project: Project) -> list[tuple[str, str]]:
    sources = [path for source in project.character.sources for path in project.source_files(source)]
    return [(path.name, file_hash(path)) for path in [project.folder / project.character.profile, *sources]]


STAGE = Stage(
    "profile",
    "read what is known: passages, authentic and written dialogues, lint findings",
    make_profile,
    reads=(),
    writes=("profile.jsonl", "lint.jsonl", "dialogues.jsonl", "dialogues.rejected.jsonl"),
    settings=lambda bench: (
        [getattr(bench.project.character, name) for name in (*_FIELDS, "sources", "splits", "licence")],
        _inputs(bench.project),
    ),
)
