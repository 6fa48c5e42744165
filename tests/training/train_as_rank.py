"""A launch of two processes that train as `test_ranks` says in the JSON file of argv."""

from launch_two import Written, call_in, launch_two

from roletune.training.ranks import launched, together
from roletune.training.sft import train


def train_as_rank(path):
    with launched() as working:
        if working:
            call = call_in(path)
            together(**call)
            train(**call, progress=Written())


if __name__ == "__main__":
    launch_two(train_as_rank)
