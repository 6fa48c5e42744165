"""Bars on a terminal, plain lines elsewhere, and numbers people can read."""

import io

import pytest
from rich.console import Console

from roletune.engine.progress import RichProgress, SilentProgress, count, duration, remaining


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def written(console):
    return console.file.getvalue()


@pytest.fixture
def pipe():
    return Console(file=io.StringIO(), width=100, force_terminal=False)


@pytest.fixture
def terminal():
    return Console(file=io.StringIO(), width=160, force_terminal=True)


def test_a_pipe_gets_a_line_now_and_then_and_one_at_the_end(pipe):
    clock = Clock()
    with RichProgress(pipe, clock).task("Writing scenes", 40, "scenes") as task:
        for _ in range(40):
            clock.now += 1
            task.advance(note="the [workshop]")
    assert written(pipe).splitlines() == [
        "Writing scenes: 15/40 scenes, 25 s left (the [workshop])",
        "Writing scenes: 30/40 scenes, 10 s left (the [workshop])",
        "Writing scenes: 40/40 scenes in 40 s (the [workshop])",
    ]


def test_a_pipe_sees_how_far_a_failed_task_came(pipe):
    def fail():
        with RichProgress(pipe, Clock()).task("Training", None, "steps") as task:
            task.update(completed=3)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert written(pipe) == "Training: 3 steps in 0 s\n"


def test_a_terminal_gets_a_bar_with_counts_and_note(terminal):
    progress = RichProgress(terminal)
    with progress.task("Writing [scenes]", 2, "scenes") as task:
        task.advance(note="the [b]workshop")
        progress.say("a line [above]")
        task.advance()
    assert "Writing [scenes]" in written(terminal)
    assert "2/2 scenes" in written(terminal)
    assert "the [b]workshop" in written(terminal)
    assert "a line [above]" in written(terminal)


def test_tasks_within_and_after_each_other_share_the_terminal(terminal):
    progress = RichProgress(terminal)
    with progress.task("outer", 1) as outer:
        with progress.task("inner", None) as inner:
            inner.update(completed=5, total=10)
        outer.advance()
    with progress.task("next", 1) as last:
        last.advance()
    assert "inner" in written(terminal)
    assert "next" in written(terminal)


def test_silence_takes_everything_and_says_nothing(capsys):
    progress = SilentProgress()
    with progress.task("anything", None) as task:
        task.advance(3, "note")
        task.update(total=5)
    progress.say("nothing")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (3600, "1 h 0 min"), (7800, "2 h 10 min")],
)
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text


def test_counts_read_well():
    assert count(3, 10, "scenes") == "3/10 scenes"
    assert count(12_345, None, "tokens") == "12,345 tokens"
    assert count(1_200_000, 98_000_000, "B") == "1.2 MB/98.0 MB"
    assert count(0, None, "") == ""  # nothing is counted


def test_time_left_is_told_only_when_it_is_known():
    assert remaining(10, 5, 20) == 30
    assert remaining(10, 0, 20) is None
    assert remaining(10, 5, None) is None
    assert remaining(10, 25, 20) == 0


def test_work_of_unknown_length_stands_as_done_at_its_end(terminal):
    with RichProgress(terminal).task("Loading Mira", None):
        pass
    assert "✓" in written(terminal)
    assert "0/0" not in written(terminal)
