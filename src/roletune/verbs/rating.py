"""Method `rating`: a judge rates what the writer made; the dataset leaves out what falls into the lowest tier."""

from __future__ import annotations

from collections import Counter

from roletune.engine.store import file_hash, read_records
from roletune.errors import ProjectError
from roletune.evaluation.judging.rating import Rated, rate
from roletune.records import Dialogue, DialogueRating, Rejection
from roletune.synthesis.methods import dialogue_methods
from roletune.verbs.judges import HOW_TO_BIND, judges
from roletune.verbs.stage import Stage
from roletune.verbs.writing import ask_each, read_dialogues_of
from roletune.workbench import Workbench

NAME, RUBRIC = "rating", "rubric_rating"
_WRITTEN = ("experiences", "protective")


async def make_ratings(bench: Workbench) -> str:
    """Rate every generated dialogue there is. Raises ProjectError if no judge is bound."""
    bound = judges(bench, NAME)
    if not bound:
        raise ProjectError(HOW_TO_BIND)
    judge = next(iter(bound.values()))
    profile, settings = bench.profile, bench.project.character.rating
    prompt, rubric = bench.prompt(NAME), bench.prompt(RUBRIC)
    passages = {passage.id: passage for passage in profile.passages}
    made, failed = await ask_each(
        bench,
        NAME,
        _generated(bench),
        lambda rated: rate(
            rated,
            judge,
            profile=profile,
            passage=passages.get(rated.dialogue.provenance.passage or ""),
            prompt=prompt,
            rubric=rubric,
            settings=settings,
        ),
        role="judge",
    )
    kept = bench.keep(NAME, made, failed, DialogueRating)
    tiers = Counter(rating.tier for rating in kept)
    told = ", ".join(f"{tiers[tier]} {tier}" for tier in ("keep", "review", "reject", "unrated"))
    return f"{len(kept)} of {len(made) + len(failed)} dialogues: {told}"


def without_rejected(bench: Workbench, dialogues: list[Dialogue]) -> tuple[list[Dialogue], list[Rejection]]:
    """The dialogues, if `methods:` names the rating without those that it puts into the tier `reject`, and these."""
    if NAME not in bench.project.character.methods:
        return dialogues, []
    ratings = read_records(bench.project.records(NAME), DialogueRating)
    low = {rating.dialogue: rating for rating in ratings if rating.tier == "reject"}
    rejected = [
        Rejection(
            stage="dataset",
            reason=f"rated {low[dialogue.id].score} by the judge",
            detail=low[dialogue.id].reason,
            record=dialogue.model_dump(mode="json"),
        )
        for dialogue in dialogues
        if dialogue.id in low
    ]
    return [dialogue for dialogue in dialogues if dialogue.id not in low], rejected


def _stages(bench: Workbench) -> list[str]:
    """Whose dialogues there are to rate."""
    stages = (*_WRITTEN, *dialogue_methods(bench.project.character.methods))
    return [stage for stage in stages if bench.project.records(stage).is_file()]


def _generated(bench: Workbench) -> list[Rated]:
    found = [Rated(one, stage) for stage in _stages(bench) for one in read_dialogues_of(bench, stage)]
    return [one for one in found if one.dialogue.origin == "generated"]


STAGE = Stage(
    NAME,
    "have a judge rate the generated dialogues: keep, review, reject",
    make_ratings,
    reads=("profile.jsonl",),
    writes=("rating.jsonl", "rating.rejected.jsonl"),
    settings=lambda bench: (
        bench.project.character.rating,
        [(stage, file_hash(bench.project.records(stage))) for stage in _stages(bench)],
        f"{bench.prompt(NAME).hash} {bench.prompt(RUBRIC).hash}",
        [judge.identity for judge in judges(bench, NAME).values()],
    ),
)
