"""What a stage of the pipeline is, and how one is made: only if what it is made from has changed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from roletune import __version__
from roletune.engine.memory import MemoryWatch
from roletune.engine.store import file_hash, read_records
from roletune.errors import ProjectError
from roletune.models.trained import ADAPTER, trained_weights
from roletune.records import Rejection, fingerprint
from roletune.verbs.review import REVIEWED
from roletune.workbench import Workbench

KEPT = (*REVIEWED, "profile_fields")  # of these, changes by hand are adopted as edits
# What `train` makes, as stages name it; of a model that was trained whole it is another file (`made_file`).
TRAINED = f"adapter/{ADAPTER}"


class Stage(NamedTuple):
    """A verb. It is run again when what it reads, or its settings, have changed, or what it wrote is gone."""

    name: str
    about: str
    make: Callable[[Workbench], Awaitable[str]]  # does it, and returns a sentence about what it made
    reads: tuple[str, ...]  # files under build/ that earlier stages wrote
    writes: tuple[str, ...]  # files under build/
    settings: Callable[[Workbench], object]  # whatever else decides what is made, as JSON values or settings models
    let_go: Callable[[Workbench], None] | None = None  # what `--again` removes first, if making alone would find it


def hash_of(path: Path | None) -> str:
    """A file's hash for the settings; empty for one that is missing, which is told with its cure when it is needed."""
    return file_hash(path) if path and path.is_file() else ""


async def make_stage(bench: Workbench, stage: Stage, *, forced: bool = False) -> bool:
    """Make a stage unless it is current; returns whether it was made."""
    outputs = _outputs(bench, stage)
    made_from = _made_from(bench, stage)  # before it is made: what changes meanwhile makes it again
    changed = bench.manifest.edited(stage.name)
    lost = [path for path in changed if _would_be_lost(bench, path)]
    for path in changed:
        bench.progress.say(f"{path.name} was changed since it was made")
        forced = forced or path not in lost  # adopts changed records as edits, and makes reports again
    if not forced and bench.manifest.is_current(stage.name, _inputs(made_from, bench, stage), outputs):
        bench.progress.say(f"{stage.name}: unchanged", style="dim")
        return False
    if lost:
        raise ProjectError(
            f"{lost[0]} was changed by hand, and making {stage.name} again would overwrite it. Rename the file to keep "
            "the changes, or delete it to lose them, and run the command again."
        )
    bench.manifest.forget(stage.name)  # what a crash leaves half made is no edit by hand
    started = time.perf_counter()
    with MemoryWatch() as memory:
        made = await stage.make(bench)
    seconds = time.perf_counter() - started
    outputs = _outputs(bench, stage)  # as they are called now
    inputs = _inputs(made_from, bench, stage)  # with the edits that it adopted
    bench.manifest.record(stage.name, inputs, outputs, seconds=seconds, peak_memory_bytes=memory.peak_bytes)
    bench.progress.say(f"{stage.name}: {made} ({seconds:.0f} s)", style="bold")
    _tell_why_nothing(bench, stage)
    return True


def _would_be_lost(bench: Workbench, path: Path) -> bool:
    """Whether these are records, in a file of which no edits are adopted."""
    records = path.suffix == ".jsonl" and not path.name.endswith(".rejected.jsonl")
    return records and path.relative_to(bench.project.build).with_suffix("").as_posix() not in KEPT


def _tell_why_nothing(bench: Workbench, stage: Stage) -> None:
    """Say why nothing is kept, if that is so: a small writer may not manage what a method asks of it."""
    kept, listed = bench.project.records(stage.name), bench.project.rejected(stage.name)
    if {kept.name, listed.name} <= set(stage.writes) and not kept.stat().st_size:
        reasons = Counter(rejection.reason for rejection in read_records(listed, Rejection)).most_common(3)
        told = ", ".join(f"{reason} ({count})" for reason, count in reasons)
        if told:
            bench.progress.say(f"{stage.name}: nothing is kept: {told}. Each is in {listed.name}")


def is_current(bench: Workbench, stage: Stage) -> bool:
    """Whether making it would do nothing."""
    if not all(made_file(bench.project.build, name).is_file() for name in stage.reads):
        return False
    inputs = _inputs(_made_from(bench, stage), bench, stage)
    return bench.manifest.is_current(stage.name, inputs, _outputs(bench, stage))


def made_file(build: Path, name: str) -> Path:
    """A file that a stage reads or writes."""
    return (trained_weights(build / "adapter") if name == TRAINED else None) or build / name


def _outputs(bench: Workbench, stage: Stage) -> list[Path]:
    return [made_file(bench.project.build, name) for name in stage.writes]


def _made_from(bench: Workbench, stage: Stage) -> str:
    """The hash of what a stage reads and of its settings."""
    reads = [file_hash(made_file(bench.project.build, name)) for name in stage.reads]
    return fingerprint(__version__, reads, _plain(stage.settings(bench)))


def _inputs(made_from: str, bench: Workbench, stage: Stage) -> str:
    """The hash of everything that decides what a stage makes: what it is made from, and the user's edits."""
    edits = [edit.model_dump() for edit in bench.edits() if f"{edit.stage}.jsonl" in stage.writes]
    return fingerprint(made_from, edits)


def _plain(value: object) -> object:
    """Settings as JSON values, so that their fingerprint is that of their content."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value
