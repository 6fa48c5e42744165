"""`roletune import`: bring what is known about a character into its folder, and say what was found."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console
from rich.text import Text

from roletune.character_file import SETTINGS_FILE
from roletune.cli.session import AsJson, print_json
from roletune.cli.speakers_table import speakers_table
from roletune.engine.lock import project_lock
from roletune.project import Project
from roletune.prompts import load_prompt
from roletune.records import Origin, Profile, Speaker
from roletune.rendering.persona import Persona
from roletune.sources import material
from roletune.sources.formats import AUTO, READERS, ReadOptions
from roletune.sources.licences import UNKNOWN, conflicts
from roletune.verbs.import_reading import ImportOptions
from roletune.verbs.importing import Import, ImportedFile, import_sources

SHOWN = 5  # lines that could not be read
_COUNTED = {
    "passages": "passages",
    "facts": "facts",
    "scenes": "scenes",
    "dialogues": "dialogues with the character",
    "to_be_played": "to be played",
    "preferences": "preference pairs",
    "not_read": "lines not read",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "import",
        epilog="roletune import ada biography.epub letters/\n\nroletune import ada 'wiki:Ada Lovelace'\n\n"
        "roletune import hal fandom:2001/HAL_9000 --licence 'CC BY-SA 3.0'",
    )(import_)


def import_(
    character: Annotated[Path, typer.Argument(help="The character's folder (where character.yaml is).")],
    sources: Annotated[list[str], typer.Argument(help="Files, folders, URLs, wiki:PAGE or fandom:WIKI/PAGE.")],
    form: Annotated[
        str, typer.Option("--as", help=f"The format, if it is not recognised: {', '.join(READERS)}.")
    ] = AUTO,
    origin: Annotated[
        str, typer.Option("--origin", help=f"{', '.join(get_args(Origin))}; default: what suits the format.")
    ] = "",
    licence: Annotated[str, typer.Option("--licence", help="Of the texts, if they don't tell it themselves.")] = "",
    section: Annotated[list[str] | None, typer.Option("--section", help="Of a wiki page: read only this.")] = None,
    skip: Annotated[list[str] | None, typer.Option("--skip", help="Of a wiki page: leave this section out.")] = None,
    part: Annotated[str, typer.Option("--part", help="The one film of a corpus, or role of RoleBench, to read.")] = "",
    speaker: Annotated[
        list[str] | None, typer.Option("--speaker", help="Who a printed name is: --speaker gpt=JARVIS.")
    ] = None,
    rttm: Annotated[Path | None, typer.Option("--rttm", help="Who speaks when in recognised speech (a file).")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the web again for a page that is here.")] = False,
    contact: Annotated[str, typer.Option("--contact", help="Mail address or page, told to the wiki.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be imported; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read sources of any format, copy them into the character's folder, and name them in character.yaml."""
    if form not in (AUTO, *READERS):
        raise typer.BadParameter(f"there is no format {form!r}; the formats are {', '.join(READERS)}")
    if origin and origin not in get_args(Origin):
        raise typer.BadParameter(f"{origin!r} is none of {', '.join(get_args(Origin))}", param_hint="--origin")
    if character.is_file() and character.name != SETTINGS_FILE:
        raise typer.BadParameter(f"{character} is a file; the character's folder comes first, then the sources")
    project = Project.open(character, complete=False)
    chosen: Any = origin or None
    read = ReadOptions(tuple(section or ()), tuple(skip or ()), part, _names(speaker or []))
    options = ImportOptions(form, chosen, licence, read, rttm, refresh, contact)
    with nullcontext() if dry_run else project_lock(project.build):
        result = import_sources(project, sources, options, dry=dry_run)
    _tell(project, result, dry_run=dry_run, as_json=as_json)
    if result.failed:
        raise typer.Exit(1)


def _names(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if not all(printed.strip() and name.strip() for printed, _, name in split):
        raise typer.BadParameter("write a name as it is printed and who it is: gpt=JARVIS", param_hint="--speaker")
    return {printed.strip(): name.strip() for printed, _, name in split}


def _tell(project: Project, result: Import, *, dry_run: bool, as_json: bool) -> None:
    profile = Profile(name=project.character.name, aliases=project.character.aliases)
    speakers = material.speakers([file.material for file in result.files], profile)
    warnings = _warnings(project, result, speakers)
    rows = [_figures(project, profile, file) for file in result.files]
    if as_json:
        failed = [{"source": source, "error": why} for source, why in result.failed]
        told = [speaker.model_dump(mode="json") for speaker in speakers]
        print_json({"imported": rows, "failed": failed, "speakers": told, "warnings": warnings, "dry_run": dry_run})
        return
    console = Console()
    for row in rows:
        console.print(_line(row), soft_wrap=True)
    if speakers:
        console.print(speakers_table(speakers))
    for file in result.files:
        _tell_unread(console, file)
    for source, why in result.failed:
        console.print(Text(f"Not imported: {source}: {why}", "red"), soft_wrap=True)
    for warning in warnings:
        console.print(Text(f"Note: {warning}", "yellow"), soft_wrap=True)
    if dry_run:
        console.print("Nothing was written.")
    elif rows:
        new = sum(row["new"] for row in rows)
        console.print(Text(f"{new} imported, {len(rows) - new} here already. Next: roletune check {project.folder}"))


def _figures(project: Project, profile: Profile, file: ImportedFile) -> dict[str, Any]:
    read, cited = file.material.reading, file.material.cited
    passages, _ = material.passages([file.material])
    persona = Persona(profile, load_prompt("persona", project.character.language, project.prompts))
    found = material.dialogues([file.material], profile, project.character.splits)
    return {
        "source": file.source,
        "path": file.path,
        "new": file.new,
        "format": file.material.form,
        "origin": cited.origin,
        "licence": cited.licence,
        "url": cited.url,
        "revision": cited.revision,
        "date": cited.date,
        "passages": len(passages),
        "facts": len(read.facts),
        "scenes": len(read.scenes),
        "dialogues": len(found.dialogues),
        "to_be_played": len(found.scenes),
        "preferences": len(material.preferences([file.material], persona, project.character.splits)),
        "not_read": len(read.unread),
        "notices": list(read.notices),
    }


def _line(row: dict[str, Any]) -> Text:
    """One file in a line that can be read on any terminal."""
    counted = [f"{row[key]} {words}" for key, words in _COUNTED.items() if row[key]]
    licence = f"licence: {row['licence'] or UNKNOWN}"
    return Text(row["path"], "bold") + Text(f": {row['format']}, {', '.join(counted) or 'nothing'}; {licence}")


def _tell_unread(console: Console, file: ImportedFile) -> None:
    unread = file.material.reading.unread
    for line in unread[:SHOWN]:
        why = f" ({line.reason})" if line.reason else ""
        console.print(Text(f"  not read: {file.path}:{line.number}{why}: {line.text.strip()[:100]}", "yellow"))
    if len(unread) > SHOWN:
        console.print(Text(f"  ... and {len(unread) - SHOWN} more lines of {file.path}", "yellow"))


def _warnings(project: Project, result: Import, speakers: tuple[Speaker, ...]) -> list[str]:
    character = project.character
    warnings = []
    if character.subject == "living" and not character.consent.strip():
        warnings.append("the subject is a living person: nothing is made before `consent:` says who agreed to what")
    if speakers and not any(speaker.character for speaker in speakers):
        names = ", ".join(speaker.name for speaker in speakers[:6])
        cure = f"If one is {character.name}, add the name to aliases in character.yaml"
        warnings.append(f"{character.name} speaks in none of the scenes; those who do: {names}. {cure}")
    hinted = [speaker.name for speaker in speakers if speaker.hint.startswith("looks like")]
    if hinted:
        warnings.append(f"add to aliases in character.yaml, if they are {character.name}: {', '.join(hinted)}")
    licences = [file.material.cited.licence for file in result.files if file.material.cited.origin == "authentic"]
    if any(not licence.strip() for licence in licences):
        warnings.append("a source does not tell its licence: say it with --licence, or keep what you make to yourself")
    return warnings + conflicts([licence for licence in licences if licence.strip()])
