"""For scripts that tests start: torchrun's own agent starts two processes, as forks of the script's.

What takes a fresh process ten seconds of imports is done once.
"""

import json
import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # what torchrun gives each process; a fork can't change it any more
if "nf4" not in Path(sys.argv[1]).read_text():
    sys.modules["bitsandbytes"] = None  # not here, for PEFT, which would import it: nothing is trained in 4 bits

import peft  # noqa: F401
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from transformers import LlamaForCausalLM  # noqa: F401

from roletune.engine.progress import SilentProgress
from roletune.training.recipe import Recipe
from roletune.training.sequences import TokenSequence


class Written(SilentProgress):
    """To a file beside that of argv."""

    def say(self, message, style=""):
        with Path(sys.argv[1]).with_name("said.txt").open("a") as file:
            file.write(f"{message}\n")


def call_in(path):
    """The arguments of a training, from a JSON file."""
    settings = json.loads(Path(path).read_text())
    call = {name: [TokenSequence(*fields) for fields in settings[name]] for name in ("train", "validation")}
    call |= {name: Path(settings[name]) for name in ("base_folder", "run_dir")}
    return call | {"recipe": Recipe(**settings["recipe"]), **settings["names"]}


def launch_two(work):
    """Two processes of one machine, each calling `work` with argv's first."""
    one_machine = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        run_id="test",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.1,
        start_method="fork",
    )
    elastic_launch(one_machine, work)(sys.argv[1])
