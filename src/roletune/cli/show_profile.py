"""`roletune show profile`: who the character is, from which sources, who speaks in them, and what is doubtful."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from roletune.cli.speakers_table import speakers_table
from roletune.dataset.build import SPLITS
from roletune.engine.store import read_records
from roletune.project import Project
from roletune.records import Dialogue, Finding, Passage, PreferencePair, Profile, Scene, Speakers
from roletune.synthesis.profile_fields import ProfileItem
from roletune.synthesis.structured_profile import relations, timeline


def show_profile(project: Project, console: Console, number: int) -> None:
    """Everything about it, with the first `number` passages of each source."""
    (profile,) = read_records(project.records("profile"), Profile)
    console.print(Panel(Text(f"{profile.description}\n{profile.style}".strip()), title=Text(profile.name)))
    _tell_boundary(profile, console)
    for source, passages in groupby(profile.passages, key=_file):
        _tell_passages(source, list(passages), console, number)
    for fact in profile.facts:
        console.print(Text(f"{fact.name}: ", "bold") + Text(fact.value))
    _tell_notes(read_records(project.records("profile_fields"), ProfileItem), console)
    if profile.licence:
        use = "" if profile.commercial_use else "; commercial use is not allowed, or not known to be"
        console.print(Text(f"Licence of the whole: {profile.licence}{use} (see build/ATTRIBUTION.md)\n", "dim"))
    dialogues = read_records(project.records("dialogues"), Dialogue)
    if dialogues:
        console.print(_dialogues(dialogues))
    scenes = read_records(project.records("source_scenes"), Scene)
    pairs = read_records(project.records("preferences"), PreferencePair)
    if scenes:
        console.print(f"{len(scenes)} scenes of the sources are to be played (build/source_scenes.jsonl)")
    if pairs:
        console.print(f"{len(pairs)} replies that were preferred to others (build/preferences.jsonl)")
    speakers = Speakers.model_validate_json((project.build / "speakers.json").read_text("utf-8")).speakers
    if speakers:
        console.print(speakers_table(speakers))
    for finding in read_records(project.records("lint"), Finding):
        console.print(Text(f"{finding.severity}: {finding.check}: {finding.message}", "yellow"))


def _tell_boundary(profile: Profile, console: Console) -> None:
    boundary = profile.boundary
    told = {
        "Also called": ", ".join(profile.aliases),
        "Says": " / ".join(profile.catchphrases),
        "Knows": ", ".join(boundary.knows),
        "Must not know": ", ".join(boundary.must_not_know),
        "Until": boundary.until,
    }
    for what, text in told.items():
        if text:
            console.print(Text(f"{what}: ", "bold") + Text(text))
    console.print()


def _tell_notes(items: list[ProfileItem], console: Console) -> None:
    """What the writer noted: who is what to the character, and what happened when."""
    for who, noted in relations(items).items():
        console.print(Text(f"{who}: ", "bold") + Text("; ".join(item.text for item in noted)))
    for event in timeline(items):
        console.print(Text(f"{event.when or 'once'}: ", "bold") + Text(event.text))
    if items:
        console.print(Text(f"{len(items)} notes with their quotations: build/profile_fields.jsonl\n", "dim"))


def _file(passage: Passage) -> str:
    return passage.source.partition("#")[0]


def _tell_passages(source: str, passages: list[Passage], console: Console, number: int) -> None:
    first = passages[0]
    version = ", ".join(filter(None, [first.url, f"revision {first.revision}" if first.revision else "", first.date]))
    console.rule(Text(f"{source}: {len(passages)} passages", "bold"), align="left")
    console.print(Text("; ".join(filter(None, [version, first.licence or "licence not stated"])), "dim"))
    for passage in passages[:number]:
        console.print(Text(passage.heading, "bold"), Text(passage.text), Text(passage.attribution, "dim"), sep="\n")
        console.print()
    if len(passages) > number:
        console.print(Text(f"... and {len(passages) - number} more: --number {len(passages)}\n", "dim"))


def _dialogues(dialogues: list[Dialogue]) -> Table:
    """Dialogues by source and split."""
    counts = Counter((dialogue.provenance.source.partition("#")[0], dialogue.split) for dialogue in dialogues)
    licences = {dialogue.provenance.source.partition("#")[0]: dialogue.provenance.licence for dialogue in dialogues}
    table = Table(title=f"{len(dialogues)} dialogues")
    for column in ("source", *SPLITS, "licence"):
        table.add_column(column, justify="right" if column in SPLITS else "left")
    for source, licence in licences.items():
        table.add_row(Text(source), *(str(counts[source, split]) for split in SPLITS), Text(licence))
    return table
