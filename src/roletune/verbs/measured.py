"""What is measured, written with seeds and versions, and read back.

A file that another roletune wrote is told with its cure, never with a traceback.
"""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from roletune.errors import EvaluationError
from roletune.records import Evaluation, Record, SuiteReport
from roletune.verbs.contestants import sampling
from roletune.workbench import Workbench

R = TypeVar("R", bound=Record)
S = TypeVar("S", bound=SuiteReport)
PACKAGES = ("roletune", "torch", "transformers", "peft", "accelerate", "tokenizers", "xllamacpp", "gguf")


def stamped(bench: Workbench, report: S) -> S:
    """A suite's report with how replies were drawn, and by what."""
    return report.model_copy(update={"sampling": asdict(sampling(bench)), "versions": versions()})


def versions() -> dict[str, str]:
    """Those of Python, roletune and the packages that decide the result, as far as they are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def read_measured(path: Path, kind: type[R], cure: str) -> R | None:
    """The record in the file; None if there is none. Raises EvaluationError for one that another roletune wrote."""
    if not path.is_file():
        return None
    try:
        return kind.model_validate_json(path.read_text("utf-8"))
    except ValidationError as error:
        raise EvaluationError(f"{path} was written by another roletune. {cure}") from error


def read_evaluation(bench: Workbench) -> Evaluation:
    """What `evaluate` found. Raises EvaluationError if it is not there, or cannot be read."""
    cure = f"This makes it again: roletune evaluate {bench.project.folder} --again"
    path = bench.project.build / "evaluation.json"
    found = read_measured(path, Evaluation, cure)
    if found is None:
        raise EvaluationError(f"{path} is not there. This makes it: roletune evaluate {bench.project.folder}")
    return found
