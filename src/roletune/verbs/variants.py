"""Variants of a character's recipe: settings that differ in one thing, each with a place of its own to be built in.

    build/ablations/NAME/   dataset, kept runs, what was measured, and its own manifest

A variant is made by the same stages as the character itself. It is given the records that the full recipe made, without
those that the full recipe left out as near-duplicates: else a variant without the held-out scene could train on a copy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from roletune.dataset.mixture import MixtureSettings
from roletune.engine.manifest import Manifest
from roletune.engine.store import read_records, write_bytes
from roletune.errors import ProjectError
from roletune.project import Project
from roletune.records import DataStatistics, Origin, Rejection
from roletune.workbench import Workbench

FULL = "full"
FOLDER = "ablations"
WAYS = ("protective", "thoughts", "authentic", "target_only", "rank", "scenes")


@dataclass(frozen=True)
class VariantProject(Project):
    """The character with other settings, built in `place`; its journal is the character's."""

    place: Path

    @property
    def build(self) -> Path:
        """The variant's own."""
        return self.place

    @property
    def pin(self) -> Path:
        """Nobody chooses a run of a variant: it is what its settings make."""
        return self.place / "run"


@dataclass(frozen=True)
class Variant:
    """What differs from the full recipe: in `dataset:`, the recipe, and the `share` of its scenes that is used."""

    name: str
    about: str
    dataset: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    share: float = 1.0

    def seeded(self, seed: int, number: int) -> Variant:
        """The same with the seed of another training."""
        if number == 0:
            return self
        return replace(self, name=f"{self.name}-seed{number}", recipe={**self.recipe, "seed": seed + number})


def read_variants(wishes: Sequence[str], project: Project) -> list[Variant]:
    """The full recipe and one variant for each wish: `protective`, `rank=8`, `scenes=0.25`, `rank=8/16`.

    Raises ProjectError for what can't be varied.
    """
    found = [Variant(FULL, "the recipe as it is")]
    for wish in wishes:
        way, _, values = wish.strip().partition("=")
        if way not in WAYS:
            raise ProjectError(f"{way!r} can't be varied. There are: {', '.join(WAYS)}; for example rank=8/16.")
        found += [_variant(way, value.strip(), project) for value in (values.split("/") if values else [""])]
    names = [variant.name for variant in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ProjectError(f"The variant {twice[0]!r} is named twice.")
    return found


def share_variant(share: float) -> Variant:
    """A share of the training scenes that the full recipe has; all of them are the full recipe."""
    if share == 1:
        return Variant(FULL, "the recipe as it is")
    return Variant(f"scenes-{share:g}", f"{share:.4g} of the training scenes", share=share)


def variant_bench(bench: Workbench, variant: Variant) -> Workbench:
    """The workbench of a variant: the same character, ledger and models, built in a folder of its own."""
    settings = bench.project.character
    changes = {"train_share": settings.dataset.train_share * variant.share, **variant.dataset}
    # Validated again: a value that nobody may set in character.yaml may not come in by this way either.
    dataset = type(settings.dataset).model_validate({**settings.dataset.model_dump(), **changes})
    train = settings.train.model_copy(update={"overrides": {**settings.train.overrides, **variant.recipe}})
    character = settings.model_copy(update={"dataset": dataset, "train": train})
    place = bench.project.build / FOLDER / variant.name
    project = VariantProject(bench.project.folder, character, place)
    return Workbench(project, bench.progress, bench.ledger, Manifest(place / "manifest.json"), bench.models)


def give_records(bench: Workbench, to: Workbench, stages: Sequence[str]) -> None:
    """Copy what the stages made, without the dialogues that the full recipe left out as near-duplicates."""
    copies = _near_duplicates(bench.project.rejected("dataset"))
    for stage in stages:
        records, rejected = bench.project.records(stage), bench.project.rejected(stage)
        lines = records.read_bytes().splitlines(keepends=True)
        kept = b"".join(line for line in lines if line.strip() and json.loads(line).get("id") not in copies)
        _put(to.project.records(stage), kept)
        if rejected.is_file():
            _put(to.project.rejected(stage), rejected.read_bytes())


def _near_duplicates(path: Path) -> set[str]:
    rejections = read_records(path, Rejection) if path.is_file() else []
    return {str(one.record.get("id")) for one in rejections if one.reason == "near-duplicate"}


def _put(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        write_bytes(path, content)


def _variant(way: str, value: str, project: Project) -> Variant:
    try:
        return _BY_WAY[way](value, project)
    except ValueError as error:  # of a number that is none, or settings that can't be
        raise ProjectError(f"The variant {way}={value} can't be: {error}") from error


def _protective(value: str, project: Project) -> Variant:
    _nothing(value)
    purposes = project.character.dataset.purposes
    if "protective" in purposes:
        left = tuple(purpose for purpose in purposes if purpose != "protective")
        return Variant("without-protective", "no protective scenes", {"purposes": left})
    return Variant("with-protective", "protective scenes too", {"purposes": (*purposes, "protective")})


def _thoughts(value: str, project: Project) -> Variant:
    _nothing(value)
    if project.character.dataset.thoughts:
        return Variant("without-thoughts", "thoughts are left out", {"thoughts": False})
    return Variant("with-thoughts", "thoughts are learnt", {"thoughts": True})


def _target_only(value: str, project: Project) -> Variant:
    _nothing(value)
    if project.character.dataset.loss == "target":
        return Variant("loss-on-all", "loss on everybody's turns", {"loss": "all"})
    return Variant("target-only", "loss on the character's turns only", {"loss": "target"})


def _rank(value: str, project: Project) -> Variant:
    recipe = project.recipe
    rank = int(value) if value else max(1, recipe.rank // 4)
    if rank < 1:
        raise ValueError("a rank is at least 1")
    # alpha goes along: with the old one the adapter's scale, alpha / rank, would differ too.
    alpha = recipe.alpha * rank / recipe.rank
    return Variant(f"rank-{rank}", f"rank {rank}, alpha / rank as before", recipe={"rank": rank, "alpha": alpha})


def _scenes(value: str, _: Project) -> Variant:
    share = float(value or 0.5)
    if not 0 < share < 1:
        raise ValueError("a share of the training scenes lies between 0 and 1")
    return share_variant(share)


def _authentic(value: str, project: Project) -> Variant:
    settings = project.character.dataset
    if not value:
        left = tuple(origin for origin in settings.origins if origin != "authentic")
        return Variant("without-authentic", "no authentic scenes", {"origins": left, "mixture": None})
    share = float(value)
    others: dict[Origin, int] = {origin: _dialogues(project, origin) for origin in ("written", "generated")}
    total = sum(others.values())
    if not total and share < 1:
        raise ValueError("there is nothing but authentic scenes")
    shares = {origin: (1 - share) * count / total for origin, count in others.items()} if total else {}
    mixture = MixtureSettings.model_validate({"authentic": share, **shares})
    return Variant(f"authentic-{share:g}", f"{share:.0%} authentic scenes", {"mixture": mixture.model_dump()})


def _dialogues(project: Project, origin: Origin) -> int:
    path = project.build / "dataset" / "statistics.json"
    if not path.is_file():
        raise ValueError("the shares as they are must be known first: roletune dataset makes them")
    mixture = DataStatistics.model_validate_json(path.read_text("utf-8")).mixture
    return mixture[origin].dialogues if origin in mixture else 0


def _nothing(value: str) -> None:
    if value:
        raise ValueError("it is on or off, and takes no value")


_BY_WAY = {
    "protective": _protective,
    "thoughts": _thoughts,
    "authentic": _authentic,
    "target_only": _target_only,
    "rank": _rank,
    "scenes": _scenes,
}
