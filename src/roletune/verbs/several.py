"""Several characters in one run: an adapter each on one loaded base, or one adapter for all of them.

    train_each    leaves finished runs in `build/runs/ID` of each, where the stage `train` finds them
    train_mixed   one adapter on everybody's examples, each with its own persona prompt (RoleLLM's RoCIT):

        FOLDER/runs/ID               adapter, record and GGUF, as those of a character
        FOLDER/adapter               link to the run
        CHARACTER/build/runs/ID      a copy for each, for `roletune use`

Everybody's datasets must be made. What is held out of a character's own training is held out of the mixed one.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from roletune.engine.interrupt import stops_at_once
from roletune.engine.store import read_records
from roletune.errors import TrainingError
from roletune.evaluation.comparing import Entry, Score, Scores, compare_entries
from roletune.evaluation.likelihood import line_likelihoods
from roletune.evaluation.run_scores import HELD_OUT, LIKELIHOOD
from roletune.models.dequantise import trainable_folder
from roletune.models.trained import ADAPTER
from roletune.records import Adapter, Comparison, Entrant, Example, fingerprint
from roletune.rendering.template import Renderer
from roletune.training.recipe import Recipe, check_recipe
from roletune.verbs.dataset import open_renderer
from roletune.verbs.evaluate import loaded_with_adapter
from roletune.verbs.runs import check_link, chosen_run, point_at
from roletune.verbs.stage import is_current
from roletune.verbs.steps import check_choice, chosen_by_replies
from roletune.verbs.train import STAGE, data_hash, export_gguf, sequences, training_call
from roletune.workbench import Workbench

MIXED, OWN, BASE = "mixed adapter", "own adapter", "base with prompt"


def train_each(benches: Sequence[Workbench]) -> None:
    """Train together every character whose training is not up to date, nor decided by a chosen run."""
    from roletune.training.sft import Job
    from roletune.training.together import train_together

    for bench in benches:
        check_link(bench.project.build)
        check_choice(bench)
    left = [bench for bench in benches if not is_current(bench, STAGE) and not chosen_run(bench.project)]
    if left:
        jobs = [Job(**training_call(bench)) for bench in left]
        with stops_at_once():
            train_together(jobs, left[0].progress)


def train_mixed(
    benches: Sequence[Workbench], folder: Path, recipe: Recipe | None = None, *, again: bool = False
) -> Adapter:
    """One adapter for all, by `recipe` or else that of the first; with `again` a finished one is trained anew.

    Raises TrainingError if the bases differ.
    """
    from roletune.training.ranks import together
    from roletune.training.sft import forget_run, train

    first = benches[0]
    for bench in benches:
        if bench.base.identity() != first.base.identity():
            raise TrainingError(
                f"{_name(first)} is made on {first.base.label} and {_name(bench)} on {bench.base.label}: a mixed "
                "adapter has one base. Set the same `base` in each character.yaml."
            )
    if chosen_by_replies(first.project):
        raise TrainingError(
            "A mixed adapter's state is chosen by the validation loss of all: whose questions should choose it? Set "
            f"choose_by: loss in the block train of {_name(first)}'s character.yaml."
        )
    recipe = recipe or first.project.recipe
    check_recipe(recipe)
    if recipe.method != "lora":
        raise TrainingError(
            f"A mixed adapter is an adapter, and the recipe '{recipe.name}' asks for method: {recipe.method}. Set "
            "method: lora, or name another recipe with --recipe."
        )
    check_link(folder)
    call = _mixed_call(sorted(benches, key=_name), folder, recipe)  # one run, in whichever order they are named
    if again:
        forget_run(call["run_dir"])
    with stops_at_once():
        together(**call)
        adapter = train(**call, progress=first.progress)
    run_dir: Path = call["run_dir"]
    export_gguf(first, run_dir)
    point_at(folder, run_dir)
    for bench in benches:
        _give(run_dir, bench)
    return adapter


def compare_roles(benches: Sequence[Workbench], folder: Path) -> Comparison:
    """The mixed adapter on each one's held-out lines, against its own adapter, where it has one, and the base model.

    All are told the character's persona prompt. Differences are paired by line, intervals are over scenes.
    """
    scores: dict[str, dict[tuple[str, Any], Scores]] = {MIXED: {}, OWN: {}, BASE: {}}
    # All on the base as the mixed adapter was trained beside it, also an adapter that has other settings of its own.
    with stops_at_once(), loaded_with_adapter(benches[0], folder / "adapter") as (model, device):
        renderer = open_renderer(benches[0])
        for number, bench in enumerate(benches):
            figure = (f"{_name(bench)}: {HELD_OUT}", LIKELIHOOD)
            scored = partial(_lines, bench, renderer, model, device)
            scores[MIXED][figure] = scored(MIXED)
            with model.disable_adapter():
                scores[BASE][figure] = scored(BASE)
            if own := _own_run(bench, folder):
                model.load_adapter(str(own), adapter_name=f"own{number}", autocast_adapter_dtype=False)
                model.set_adapter(f"own{number}")
                scores[OWN][figure] = scored(OWN)
                model.set_adapter("default")
                model.delete_adapter(f"own{number}")
    names = ", ".join(map(_name, benches))
    about = {
        MIXED: f"one adapter for {names}, run {(folder / 'adapter').resolve().name}",
        OWN: "each one's adapter in use, trained on its own examples",
        BASE: "the base model, told the same persona prompt",
    }
    entries = [Entry(Entrant(name=name, what=about[name]), figures) for name, figures in scores.items() if figures]
    resamples = benches[0].project.character.evaluate.resamples
    return compare_entries(entries, MIXED, notes=_notes(benches, folder), resamples=resamples)


def _mixed_call(benches: Sequence[Workbench], folder: Path, recipe: Recipe) -> dict[str, Any]:
    first, renderer = benches[0], open_renderer(benches[0])
    learnt = {_name(bench): sequences(bench, "train", renderer) for bench in benches}
    if len(learnt) < len(benches):
        raise TrainingError("Two of the characters have the same name: their lines could not be told apart.")
    total = sum(one.supervised for own in learnt.values() for one in own)
    for name, own in learnt.items():
        share = sum(one.supervised for one in own) / max(1, total)
        first.progress.say(f"{name}: {len(own)} examples, {share:.0%} of the tokens that are learnt")
    data = fingerprint({_name(bench): data_hash(bench) for bench in benches})
    identity = fingerprint(data, recipe.settings, first.base.identity(), length=8)
    return {
        "train": [one for own in learnt.values() for one in own],
        "validation": [one for bench in benches for one in sequences(bench, "validation", renderer)],
        "base_folder": trainable_folder(first.base, first.progress),
        "base_label": first.base.label,
        "base_identity": first.base.identity(),
        "character": ", ".join(learnt),
        "data_hash": data,
        "recipe": recipe,
        "run_dir": folder / "runs" / identity,
        "memory_checked": all(bench.project.character.train.check_memory for bench in benches),
    }


def _give(run_dir: Path, bench: Workbench) -> None:
    """A copy of the run among the character's own; what was measured of it stays."""
    copy = bench.project.build / "runs" / run_dir.name
    shutil.copytree(run_dir, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("events.out.tfevents.*"))


def _lines(bench: Workbench, renderer: Renderer, model: Any, device: str, who: str) -> dict[str, Score]:
    examples = read_records(bench.project.build / "dataset" / "test.jsonl", Example)
    with bench.progress.task(f"held-out lines of {_name(bench)}, {who}", len(examples), "scenes") as task:
        lines = line_likelihoods(examples, renderer, model, device=device, on_done=lambda: task.advance(1))
    return {f"{line.dialogue} {line.line}": Score(line.nll, line.tokens, line.dialogue) for line in lines}


def _own_run(bench: Workbench, folder: Path) -> Path | None:
    """The character's run in use, if it is its own and of this base."""
    own = (bench.project.build / "adapter").resolve()
    if not (own / ADAPTER).is_file() or own.name == (folder / "adapter").resolve().name:
        return None
    return own if bench.adapter().base_identity == bench.base.identity() else None


def _notes(benches: Sequence[Workbench], folder: Path) -> list[str]:
    return [
        f"{_name(bench)} has no adapter of its own to compare with. Train it: roletune train {bench.project.folder}"
        for bench in benches
        if _own_run(bench, folder) is None
    ]


def _name(bench: Workbench) -> str:
    return bench.project.character.name
