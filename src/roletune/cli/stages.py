"""`roletune run`, and one command a stage."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from roletune.cli.cost import print_estimate
from roletune.cli.plan import Gpu, Plan, Processes, show_plan
from roletune.cli.session import AsJson, Character, print_json, run_session
from roletune.cli.several import (
    AnotherRecipe,
    Characters,
    Into,
    Mixed,
    Together,
    check_several,
    train_mixed,
    train_together,
)
from roletune.pipeline import METHODS, STAGES, SUITES, make
from roletune.training.ranks import launched
from roletune.verbs.capability import NAME as FORGETTING
from roletune.verbs.report import suites as suites_in_report
from roletune.workbench import Workbench

Suites = Annotated[
    list[str], typer.Option("--with", help=f"A suite to measure too, may be repeated: {', '.join(SUITES)}.")
]
NO_SUITES: list[str] = []
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell the calls, tokens and price that it would take, and do nothing.")
]
FORGOTTEN = "To measure what it forgot of general knowledge"
WRITING = ("scenes", "experiences", "protective", *METHODS)  # what asks the writer
EPILOGS = {
    "train": "roletune train examples/jarvis\n\nroletune train examples/jarvis --plan\n\n"
    "roletune train examples/jarvis --plan --recipe jarvis --gpu t4\n\n"
    "roletune train examples/jarvis examples/hamlet --together\n\n"
    "roletune train examples/jarvis examples/hamlet --mixed --into both --recipe rocit"
}
Until = Annotated[str, typer.Option("--until", help=f"Last stage: {', '.join(STAGES)}.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "run",
        help="Build, train, measure and report: every stage that is not up to date.",
        epilog="roletune run examples/jarvis\n\nroletune run examples/jarvis --until dataset\n\n"
        "roletune run examples/jarvis --with boundary\n\nroletune run examples/jarvis --dry-run",
    )(run)
    for stage in STAGES.values():
        app.command(
            stage.name,
            help=f"{stage.about[0].upper()}{stage.about[1:]}.",
            epilog=EPILOGS.get(stage.name, f"roletune {stage.name} examples/jarvis"),
        )(_command(stage.name))
    for method in METHODS.values():
        app.command(
            method.name,
            help=f"{method.about[0].upper()}{method.about[1:]}.",
            epilog=f"roletune {method.name} examples/jarvis\n\nroletune {method.name} examples/jarvis --dry-run",
        )(_command(method.name))


def run(
    character: Character = Path(),
    until: Until = "report",
    suites: Suites = NO_SUITES,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Every stage up to `until`."""
    if until not in STAGES:
        raise typer.BadParameter(
            f"there is no stage {until!r}; the stages are {', '.join(STAGES)}", param_hint="--until"
        )
    if dry_run:
        print_estimate(character, until, as_json=as_json)
        return
    _make(character, until, as_json=as_json, again=False, suites=suites)


def _command(name: str) -> Callable[..., None]:
    def command(
        character: Character = Path(),
        again: Annotated[bool, typer.Option("--again", help="Make it again even if nothing has changed.")] = False,
        as_json: AsJson = False,
    ) -> None:
        _make(character, name, as_json=as_json, again=again)

    def writing(
        character: Character = Path(),
        again: Annotated[bool, typer.Option("--again", help="Make it again even if nothing has changed.")] = False,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        if dry_run:
            print_estimate(character, name, as_json=as_json)
            return
        _make(character, name, as_json=as_json, again=again)

    def evaluating(
        character: Character = Path(),
        suites: Suites = NO_SUITES,
        again: Annotated[bool, typer.Option("--again", help="Make it again even if nothing has changed.")] = False,
        as_json: AsJson = False,
    ) -> None:
        _make(character, name, as_json=as_json, again=again, suites=suites)

    if name in WRITING:
        return writing

    special: dict[str, Callable[..., None]] = {"evaluate": evaluating, "train": train}
    return special.get(name, command)


def train(
    characters: Characters = None,
    plan: Plan = False,
    processes: Processes = None,
    gpu: Gpu = None,
    again: Annotated[bool, typer.Option("--again", help="Train again, also what is finished.")] = False,
    together: Together = False,
    mixed: Mixed = False,
    into: Into = None,
    recipe: AnotherRecipe = None,
    as_json: AsJson = False,
) -> None:
    """One character, or several in one run."""
    folders = characters or [Path()]
    check_several(folders, together=together, mixed=mixed, into=into, recipe=recipe, plan=plan)
    if (processes or gpu) and not plan:
        raise typer.BadParameter("--processes and --gpu go with --plan; docs/train.md says how several processes train")
    if plan:
        show_plan(folders[0], recipe=recipe, processes=processes, gpu=gpu, as_json=as_json)
    elif mixed and into:
        train_mixed(folders, into, recipe, as_json=as_json, again=again)
    elif together:
        train_together(folders, as_json=as_json, again=again)
    else:
        _make(folders[0], "train", as_json=as_json, again=again)


def _make(folder: Path, until: str, *, as_json: bool, again: bool, suites: Sequence[str] = ()) -> None:
    if unknown := [suite for suite in suites if suite not in SUITES]:
        raise typer.BadParameter(
            f"there is no suite {unknown[0]!r}; there are {', '.join(SUITES)}", param_hint="--with"
        )

    async def work(bench: Workbench) -> list[str]:
        ran = await make(bench, until, again=again, suites=suites)
        if not as_json:
            for line in what_next(bench, until, folder):
                bench.progress.say(line)
        else:
            entries = {name: bench.manifest.entry(name) for name in (*STAGES, *METHODS)}
            made = {name: entry.model_dump(mode="json") for name, entry in entries.items() if entry}
            print_json({"ran": ran, "stages": made})
        return ran

    with launched() as working:
        if working:
            run_session(folder, work, as_json=as_json)


def what_next(bench: Workbench, until: str, folder: Path) -> list[str]:
    """The commands that make sense now."""
    names = list(STAGES)
    writes = (STAGES | METHODS)[until].writes
    lists = [bench.project.build / name for name in writes if name.endswith(".rejected.jsonl")]
    lines = [f"Not kept, with reasons: {path}" for path in lists if path.is_file() and path.stat().st_size]
    if until == names[-1]:
        gguf = bench.local.adapter_gguf() or bench.local.whole_gguf()
        return [
            *lines,
            "",
            f"Report:  {bench.project.build / 'report' / 'report.html'}",
            *([f"GGUF:    {gguf.resolve()}"] if gguf else []),
            f"Talk:    {program()} chat {folder}",
            f"Export:  {program()} export {folder}",
            *([f"{FORGOTTEN}: {program()} run {folder} --with {FORGETTING}"] if is_unmeasured(bench) else []),
        ]
    if until in METHODS and until not in bench.project.character.methods:
        return [*lines, f"To have it in every run, write into character.yaml: methods: [{until}]"]
    following = "dataset" if until in METHODS else names[names.index(until) + 1]
    lines += [f"Look at it: {program()} show {until} {folder}", f"Next: {program()} {following} {folder}"]
    if until == "train":
        lines.append(f"{FORGOTTEN}: {program()} evaluate {folder} --with {FORGETTING}")
    return lines


def is_unmeasured(bench: Workbench) -> bool:
    """Whether what the training of the adapter in use forgot is not known."""
    return suites_in_report(bench).capability is None


def program() -> str:
    """How this program was called, so that what is printed can be typed: it need not be on the path."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "roletune" and shutil.which("roletune") is None else "roletune"
