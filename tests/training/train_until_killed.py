"""Train as `test_sft` does and die by SIGKILL when a step's point is told: argv is a JSON object."""

import json
import os
import signal
import sys
from pathlib import Path

from roletune.engine.progress import SilentProgress
from roletune.training.recipe import Recipe
from roletune.training.sequences import TokenSequence
from roletune.training.sft import train

settings = json.loads(sys.argv[1])


def die(point):
    if point.step == settings["kill_at"]:
        os.kill(os.getpid(), signal.SIGKILL)


train(
    *([TokenSequence(*fields) for fields in settings[name]] for name in ("train", "validation")),
    recipe=Recipe(**settings["recipe"]),
    base_folder=Path(settings["base_folder"]),
    run_dir=Path(settings["run_dir"]),
    progress=SilentProgress(),
    on_point=die,
    **settings["names"],
)
