"""The job of `benchmarks/engine.py` through bespokelabs-curator, in an environment of its own; no roletune in here.

    python benchmarks/engine_curator.py URL QUESTIONS.jsonl LIMIT      prints {"seconds": ..., "rows": ...}

Its LiteLLM back end asks, since its OpenAI one downloads an encoding before it begins. As for roletune, one call before
the clock starts: imports and the first connection are not the engine's speed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

PACKAGE = "bespokelabs-curator==0.1.31"  # Apache-2.0
_QUIET = {"TELEMETRY_ENABLED": "false", "CURATOR_VIEWER": "false", "CURATOR_DISABLE_RICH_DISPLAY": "1"}


def interpreter(folder: Path) -> Path:
    """The python that has curator; its environment is made in `folder` the first time."""
    home = folder / "curator"
    python = home / "bin" / "python"
    if not (home / "whole").exists():
        print(f"making an environment for {PACKAGE} in {home}", file=sys.stderr, flush=True)
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", PACKAGE], check=True)
        (home / "whole").touch()
    return python


def seconds(python: Path, url: str, questions: Path, limit: int) -> float:
    """How long it takes to answer all questions, in a process of its own."""
    command = [str(python), __file__, url, str(questions), str(limit)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | _QUIET)
    lines = told.stdout.strip().splitlines()
    if told.returncode or not lines:
        sys.exit(f"curator failed:\n{told.stderr[-2000:]}")
    found = json.loads(lines[-1])
    count = len(questions.read_text("utf-8").splitlines()) - 1
    if found["rows"] != count:
        sys.exit(f"curator made {found['rows']} rows of {count} questions")
    return float(found["seconds"])


def main(url: str, questions: Path, limit: int) -> None:
    """Ask the first question, then the others with the clock running."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CURATOR_CACHE_DIR"] = folder  # or every reply would be remembered from the run before
        os.environ["OPENAI_API_KEY"] = "k"
        from bespokelabs import curator

        class Scenes(curator.LLM):
            """Question -> reply."""

            def prompt(self, row: dict[str, Any]) -> list[dict[str, str]]:
                """The messages as they are."""
                messages: list[dict[str, str]] = row["messages"]
                return messages

            def parse(self, row: dict[str, Any], response: Any) -> list[dict[str, str]]:
                """One row of each reply."""
                return [{"background": str(response)}]

        limits = {"max_concurrent_requests": limit, "max_requests_per_minute": 10**7, "max_tokens_per_minute": 10**9}
        settings = {"base_url": url, "max_retries": 0, **limits}
        model = Scenes(model_name="openai/m", backend="litellm", backend_params=settings)
        first, *rows = (json.loads(line) for line in questions.read_text("utf-8").splitlines())
        model([first])
        started = time.perf_counter()
        made = model(rows)
        print()
        print(json.dumps({"seconds": time.perf_counter() - started, "rows": len(made.dataset)}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
