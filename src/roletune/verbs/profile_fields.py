"""Part of the stage `profile`: the structured profile, noted down by the writer from the passages."""

from __future__ import annotations

from typing import Literal

from roletune.llm.settings import Endpoint
from roletune.records import Finding, Profile, Rejection
from roletune.sources.lint.contradictions import ContradictionSettings, choose_pairs, find_contradiction
from roletune.synthesis.profile_fields import ProfileFieldSettings, ProfileItem, extract_fields, select_items
from roletune.verbs.writing import ask_each
from roletune.workbench import Workbench


def is_asked(
    bench: Workbench, role: Literal["writer", "judge"], settings: ProfileFieldSettings | ContradictionSettings
) -> bool:
    """Whether a role is asked: an endpoint is named for it, since the small embedded model writes no usable JSON."""
    return settings.enabled and isinstance(getattr(bench.project.character.models, role), Endpoint)


async def note_fields(
    bench: Workbench, profile: Profile, settings: ProfileFieldSettings
) -> tuple[list[ProfileItem], list[Rejection]]:
    """What the writer notes from every passage; nothing where no endpoint is bound."""
    if not is_asked(bench, "writer", settings):
        return [], []
    writer, prompt = bench.ask("writer", "profile"), bench.prompt("profile")
    made, failed = await ask_each(
        bench,
        "profile",
        profile.passages,
        lambda passage: extract_fields(passage, writer, profile=profile, prompt=prompt, settings=settings),
    )
    kept, repeated = select_items([item for read in made for item in read.items], settings)
    return kept, [*failed, *(rejection for read in made for rejection in read.rejections), *repeated]


async def note_contradictions(
    bench: Workbench, profile: Profile, settings: ContradictionSettings
) -> tuple[list[Finding], list[Rejection]]:
    """Facts that the judge finds to contradict each other; nothing where no judge is bound."""
    if not is_asked(bench, "judge", settings):
        return [], []
    judge, prompt = bench.ask("judge", "profile"), bench.prompt("contradictions")
    found, failed = await ask_each(
        bench,
        "profile",
        choose_pairs(profile.passages, settings.pairs),
        lambda pair: find_contradiction(pair, judge, profile=profile, prompt=prompt, settings=settings),
        role="judge",
    )
    return [finding for findings in found for finding in findings], failed
