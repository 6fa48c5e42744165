"""One process of a launch: train as `test_ranks` says in the JSON file of argv."""

import json
import sys
from pathlib import Path

from roletune.engine.progress import SilentProgress
from roletune.training.ranks import launched, together
from roletune.training.recipe import Recipe
from roletune.training.sequences import TokenSequence
from roletune.training.sft import train

settings = json.loads(Path(sys.argv[1]).read_text())

with launched() as working:
    if working:
        call = {name: [TokenSequence(*fields) for fields in settings[name]] for name in ("train", "validation")}
        call |= {name: Path(settings[name]) for name in ("base_folder", "run_dir")}
        call |= {"recipe": Recipe(**settings["recipe"]), **settings["names"]}
        together(**call)
        train(**call, progress=SilentProgress())
