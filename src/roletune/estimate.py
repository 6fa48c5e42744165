"""What a run would ask of models, and what that would cost, told before anything is asked.

It is the run itself, in a folder of its own that is thrown away, with models that count and do not answer. So it counts
exactly what is not in the ledger yet. Two things are guesses: tokens (as many as this model's calls took until now, or
by the number of letters; replies as long as they were, or as long as they may be), and what replies would bring: what a
stage would get from the one before it, where that is not made yet, is as much as was asked for, and calls that follow
from replies (`plots` asks for a plot, then for its dialogue) are those of replies that can all be used. Replies that
are asked for again and scenes that are replaced are not foreseen; `most_calls` has room for all of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from roletune.engine.manifest import Manifest
from roletune.engine.progress import SilentProgress
from roletune.engine.store import read_records, write_records
from roletune.llm.counting import Asked, CountingModel
from roletune.llm.ledger import Ledger
from roletune.llm.model import ChatModel
from roletune.llm.settings import Endpoint
from roletune.pipeline import make, steps
from roletune.project import Project
from roletune.records import Dialogue, Provenance, Scene, Turn
from roletune.synthesis.methods import dialogue_methods
from roletune.synthesis.scenes import SceneSettings
from roletune.workbench import Workbench

ROLES = ("writer", "judge", "interviewer")
_LINE = 20  # words of a planned line
FIRST_OTHER = "dataset"  # from here on nothing is written, but trained and measured


@dataclass(frozen=True)
class Estimate:
    """What one stage would ask of one model.

    `following` of the `calls` follow from replies, and are assumed; the others were counted. `most_calls` is how many
    there are at most, with every reply asked for again as often as the settings allow, and every scene replaced.
    `price` is None if it is not known; `most` is that of `most_calls` if every reply is as long as it may be. A model
    on this machine costs nothing.
    """

    stage: str
    model: str
    calls: int
    following: int
    most_calls: int
    prompt_tokens: int
    completion_tokens: int
    most_completion_tokens: int
    price: float | None
    most: float | None
    currency: str
    local: bool


@dataclass(frozen=True)
class _DryProject(Project):
    """A project whose products go elsewhere."""

    scratch: Path

    @property
    def build(self) -> Path:
        """A copy, to be thrown away."""
        return self.scratch / "build"

    @property
    def journal(self) -> Path:
        """A copy of the edits; the ledger is read where it is."""
        return self.scratch / "journal"


async def estimate(
    project: Project, until: str = "report", models: dict[str, ChatModel] | None = None
) -> list[Estimate]:
    """What the stages up to `until` that write would ask. `models` stand in for those of a role, by what they are."""
    wanted = [stage.name for stage in steps(project.character.methods, until)]
    names = list(takewhile(lambda name: name != FIRST_OTHER, wanted))
    rows: list[Estimate] = []
    with TemporaryDirectory(prefix="roletune-") as folder, _ledger(project, Path(folder)) as ledger:
        dry = _copy(project, Path(folder))
        bench = Workbench(dry, SilentProgress(), ledger, Manifest(dry.build / "manifest.json"))
        counting = _counting(bench, models or {}, names)
        bench.models.update(counting)
        for name in names:
            if name == "rating":
                _planned_dialogues(bench, rows)
            await make(bench, name)
            asked = {model.identity: (model, model.take()) for model in counting.values()}
            rows += [_row(bench, name, model, taken) for model, taken in asked.values() if taken]
            if name in _STAND_INS:
                _STAND_INS[name](bench, sum(len(taken) for _, taken in asked.values()))
    return rows


def _ledger(project: Project, scratch: Path) -> Ledger:
    path = project.journal / "ledger.sqlite"
    return Ledger(path if path.is_file() else scratch / "ledger.sqlite")


def _copy(project: Project, scratch: Path) -> _DryProject:
    """The records as they are; adapters and suites are not needed."""
    dry = _DryProject(project.folder, project.character, scratch)
    dry.build.mkdir()
    dry.journal.mkdir()
    for path in [*project.build.glob("*.jsonl"), *project.build.glob("*.json"), *project.build.glob("*.md")]:
        shutil.copy(path, dry.build / path.name)
    if (made := project.build / ".made").is_dir():
        shutil.copytree(made, dry.build / ".made")
    if (edits := project.journal / "edits.jsonl").is_file():
        shutil.copy(edits, dry.journal / "edits.jsonl")
    return dry


def _counting(bench: Workbench, models: dict[str, ChatModel], stages: Sequence[str]) -> dict[str, CountingModel]:
    """A counting model for the writer, who else is asked, and every bound role; one for roles that share a model."""
    own = {"pairs"} | ({"ditto"} if bench.project.character.ditto.writer == "base" else set())
    asked = {"writer", *({"base"} if own & set(stages) else ())}  # whom those stages ask
    counting: dict[str, CountingModel] = {}
    same: dict[str, CountingModel] = {}
    for role in (*ROLES, "base"):
        if role in asked or role in models or getattr(bench.project.character.models, role, None):
            model = models.get(role) or (bench.plain("pairs") if role == "base" else bench.bound(role))
            counting[role] = same.setdefault(model.identity, CountingModel(model.identity, model.name))
    return counting


def _row(bench: Workbench, stage: str, model: CountingModel, asked: list[Asked]) -> Estimate:
    usual = bench.ledger.usual(model.identity, stage)
    rate = usual.prompt_tokens_per_character
    following, most_calls = _more_calls(bench, stage, len(asked))
    calls = len(asked) + following
    # What follows is about as long as what it follows from.
    prompt = round(sum(one.characters * rate if rate else one.guess for one in asked) * calls / len(asked))
    longest = round(sum(one.max_tokens for one in asked) * calls / len(asked))
    expected = longest if usual.completion_tokens is None else min(longest, round(usual.completion_tokens * calls))
    more = most_calls / calls
    most = round(longest * more)
    endpoint: Endpoint | None = bench.behind.by_identity().get(model.identity)
    price = endpoint.charged if endpoint else None
    return Estimate(
        stage=stage,
        model=model.name,
        calls=calls,
        following=following,
        most_calls=most_calls,
        prompt_tokens=prompt,
        completion_tokens=expected,
        most_completion_tokens=most,
        price=price.of(prompt, expected) if price else None,
        most=price.of(prompt * more, most) if price else None,
        currency=price.currency if price else "",
        local=endpoint is None,
    )


def _more_calls(bench: Workbench, stage: str, asked: int) -> tuple[int, int]:
    """Calls that follow from the replies to those that are asked, and how many there are at most in the end."""
    settings = getattr(bench.project.character, stage, None)
    following = asked * _FOLLOWING[stage](settings) if stage in _FOLLOWING else 0
    # A round replaces at most what all calls asked for.
    replaced = asked * settings.replacements if isinstance(settings, SceneSettings) else 0
    attempts = 1 + getattr(settings, "retries", 0)
    return following, (asked + following + replaced) * attempts


def _planned_scenes(bench: Workbench, calls: int) -> None:
    """Stand-ins for the scenes that so many calls would bring: read as if somebody had added them by hand."""
    settings, passages = bench.project.character.scenes, bench.profile.passages
    path = bench.project.records("scenes")
    known = read_records(path, Scene)
    count = min(calls * settings.per_call, max(0, settings.count - len(known)))
    planned = [
        _planned_scene(number, passages[number % len(passages)].id, settings.max_words) for number in range(count)
    ]
    if planned:
        write_records(path, [*known, *planned])


def _planned_scene(number: int, passage: str, max_words: int) -> Scene:
    words = " ".join([f"word{number}"] * (max_words // 2))  # no two are asked alike
    provenance = Provenance(source=f"passage:{passage}", passage=passage)
    return Scene(id=f"planned-{number}", title=f"Planned {number}", background=words, provenance=provenance)


# Stage -> calls that follow from the reply to one that is asked.
_FOLLOWING: dict[str, Callable[[Any], int]] = {
    "experiences": lambda settings: settings.turns - 1 if settings.how == "play" else 0,
    "plots": lambda settings: 1,
    "rules": lambda settings: 1,
    "traps": lambda settings: 3,
    "ditto": lambda settings: settings.queries * (2 if settings.everybody else 1),
}


def _planned_dialogues(bench: Workbench, asked: Sequence[Estimate]) -> None:
    """Stand-ins for the dialogues that the stages before would bring, one for every call, for a judge to rate."""
    for row in asked:
        if row.stage not in ("experiences", "protective", *dialogue_methods(bench.project.character.methods)):
            continue
        path = bench.project.records(row.stage)
        words = " ".join(["word"] * _LINE)
        turns = tuple(Turn(speaker=name, text=words) for name in ("Visitor", bench.project.character.name) * 4)
        planned = [
            Dialogue(
                id=f"planned-{row.stage}-{number}",
                scene=_planned_scene(number, row.stage, 2 * _LINE),
                turns=(*turns, Turn(speaker="Visitor", text=f"{row.stage} {number}")),  # no two are asked alike
                origin="generated",
                split="train",
                provenance=Provenance(source=f"planned:{row.stage}-{number}"),
            )
            for number in range(row.calls)
        ]
        write_records(path, [*read_records(path, Dialogue), *planned])


_STAND_INS: dict[str, Callable[[Workbench, int], None]] = {"scenes": _planned_scenes}
