"""Blind votes: who is left is drawn, a vote is kept at once, nothing is asked twice, names come last."""

import asyncio
import io
import signal

import pytest
import yaml
from rich.console import Console
from tests.character import make_character
from tests.verbs.test_interview import BAD, GOOD, prepared, saying

from roletune.cli.arena import _print, _vote
from roletune.engine.progress import SilentProgress
from roletune.engine.store import write_text
from roletune.errors import ProjectError
from roletune.evaluation.judging.contests import votes_report
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.verbs.arena import current_votes, prepare, votes
from roletune.workbench import open_workbench


@pytest.fixture
def folder(tmp_path):
    folder = prepared(make_character(tmp_path / "mira"))
    write_text(folder / "questions.yaml", (folder / "interview.yaml").read_text("utf-8"))
    return folder


def vote(folder, typed, base=None, adapted=None, pair=("adapter", "base_prompt"), **drawn):
    """What was shown, with everything typed in a pipe."""
    drawn = {"voter": "ada", "seed": 0, **drawn}
    shown = io.StringIO()
    console = Console(file=shown, width=100)

    async def session():
        models = {"base": base or saying(BAD), "character": adapted or saying(GOOD)}
        async with open_workbench(Project.open(folder), SilentProgress(), models) as bench:
            bouts = await prepare(bench, pair, **drawn)
            lines = iter(typed(bouts) if callable(typed) else typed)

            def read(*_, **__):
                line = next(lines, None)
                if line is None:
                    raise EOFError
                return line

            console.input = read
            _vote(bench, bouts, console, **drawn)
            asked = shown.getvalue()
            _print(votes_report(current_votes(bench), resamples=100), console)
            return bouts, votes(bench), asked, shown.getvalue()[len(asked) :]

    return asyncio.run(session())


def for_the_adapter(bouts):
    return ["a" if bout.left == "adapter" else "b" for bout in bouts.open]


def test_votes_count_for_who_was_behind_the_letter_and_names_come_last(folder):
    bouts, kept, asked, told = vote(folder, for_the_adapter)
    assert len(kept) == len(bouts.open) == 7
    assert {bout.left for bout in bouts.open} == {"adapter", "base_prompt"}  # sides are drawn
    assert [bout.question.id for bout in bouts.open] != [f"q{k}" for k in range(7)]  # and so is the order
    assert "adapter" not in asked
    assert "base_prompt" not in asked
    assert "adapter 7 : 0 base_prompt, 0 ties" in told
    assert "[65%, 100%]" in told
    again, _, _, _ = vote(folder, [])
    assert (again.open, again.voted) == ((), 7)


def test_the_same_seed_draws_the_same_and_another_voter_sees_another_order(folder):
    first, _, _, _ = vote(folder, [])
    assert vote(folder, [])[0] == first
    assert vote(folder, [], voter="ben")[0] != first
    assert vote(folder, [], seed=1)[0] != first


def test_skips_ties_nonsense_and_the_end_of_the_input(folder):
    _, kept, _, told = vote(folder, ["s", "what?", "t", "q", "a"])
    assert [one.choice for one in kept] == ["tie"]
    assert "adapter 0 : 0 base_prompt, 1 tie" in told
    again, _, _, _ = vote(folder, [])
    assert (len(again.open), again.voted) == (6, 1)


def test_ctrl_c_ends_the_votes_where_it_is_typed(folder):
    def typed(bouts):
        yield "a"
        signal.raise_signal(signal.SIGINT)
        yield from "aaaaaa"

    with pytest.raises(KeyboardInterrupt):
        vote(folder, typed)
    again, kept, _, _ = vote(folder, [])
    assert (len(kept), len(again.open), again.voted) == (1, 6, 1)


def test_equal_replies_and_missing_ones_are_counted_and_not_shown(folder):
    empty = ScriptedModel(lambda request: "" if "herring 3" in request.messages[-1]["content"] else BAD, identity="e")
    bouts, _, asked, told = vote(folder, [], adapted=empty)
    assert (bouts.open, bouts.equal, bouts.unanswered) == ((), 6, 1)
    assert "6 with equal replies, 1 unanswered" in asked
    assert "No votes yet." in told


def test_votes_on_older_weights_stay_and_do_not_count(folder):
    vote(folder, ["a", "a"])
    write_text(folder / "build" / "adapter" / "adapter_model.safetensors", "retrained")
    bouts, kept, _, told = vote(folder, [])
    assert (len(kept), len(bouts.open), bouts.voted) == (2, 7, 0)
    assert "No votes yet." in told


def test_a_reply_can_t_write_to_the_terminal(folder):
    _, _, asked, _ = vote(folder, ["s"], adapted=saying("\x1b[2J\x9b2J[bold]Tea[/bold]\x07"))
    assert "\x1b" not in asked
    assert "\x9b" not in asked
    assert "[bold]Tea[/bold]" in asked  # as it is, not as markup


def test_nobody_stands_against_itself_and_nobody_untrained(folder):
    with pytest.raises(ProjectError, match="can't stand against itself"):
        vote(folder, [], pair=("base", "base"))
    (folder / "build" / "adapter" / "adapter_model.safetensors").unlink()
    with pytest.raises(ProjectError, match=r"was not trained yet\. Run: roletune run"):
        vote(folder, [])


def test_contestants_that_the_settings_add_can_be_voted_on_and_three_are_ranked(folder):
    path = folder / "character.yaml"
    with pytest.raises(ProjectError, match=r"arena: there is no contestant 'rolegpt'; there are base"):
        vote(folder, [], pair=("adapter", "rolegpt"))
    settings = yaml.safe_load(path.read_text())
    settings.setdefault("evaluate", {})["contestants"] = {"rolegpt": True}
    write_text(path, yaml.safe_dump(settings))
    vote(folder, for_the_adapter)
    _, kept, _, told = vote(folder, for_the_adapter, pair=("adapter", "rolegpt"))
    assert {frozenset((one.left, one.right)) for one in kept} == {
        frozenset(("adapter", "base_prompt")),
        frozenset(("adapter", "rolegpt")),
    }
    ranked = told.split("Ranking")[1].splitlines()[1:4]
    assert [line.split()[0] for line in ranked] == ["adapter", "base_prompt", "rolegpt"]
