"""Two processes that load the bases beside the JSON file of argv as `test_shards` says, and then train."""

import os
from pathlib import Path

from launch_two import Written, call_in, launch_two
from safetensors.torch import save_file
from torch import distributed

from roletune.engine.progress import SilentProgress
from roletune.models.device import Device
from roletune.training.model import TrainableModel
from roletune.training.sft import train


def divide_as_rank(path):
    distributed.init_process_group("gloo")
    call, rank = call_in(path), os.environ["RANK"]
    for base in sorted(Path(path).parent.glob("in-*")):
        device = Device("cpu", base.name.removeprefix("in-"), 2, "a test")
        model = TrainableModel.load(base, call["recipe"], device)
        named = [*model.model.named_parameters(), *model.model.named_buffers()]
        whole = {name: getattr(tensor, "full_tensor", tensor.detach)() for name, tensor in named}
        tensors = {name: tensor.clone().contiguous() for name, tensor in whole.items()}
        save_file(tensors, f"{base}-{rank}.safetensors", {"read": str(model.sharded.read)})
    train(**call, progress=Written() if rank == "0" else SilentProgress())
    distributed.destroy_process_group()


if __name__ == "__main__":
    launch_two(divide_as_rank)
