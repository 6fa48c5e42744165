"""What a run would ask is told beforehand, exactly as many calls as it then makes, and nothing is written."""

import asyncio

import pytest
from tests.character import make_character, scripted_writer, workbench, write_like_a_model

from roletune.estimate import estimate
from roletune.llm.client import endpoint_identity
from roletune.llm.scripted import ScriptedModel
from roletune.pipeline import make
from roletune.project import Project

URL = "http://127.0.0.1:9/v1"
PRICE = {"input": 2.0, "output": 8.0}


@pytest.fixture
def folder(tmp_path):
    writer = {"url": URL, "model": "quill", "price": PRICE}
    return make_character(
        tmp_path / "mira",
        models={"writer": writer},
        scenes={"count": 4, "per_call": 1},
        experiences={"replays": 2, "per_scene": 2},
        protective={"count": 5, "twins": False},
    )


def told(folder, until="protective"):
    return asyncio.run(estimate(Project.open(folder), until))


def run_for_real(folder, until="protective"):
    writer = scripted_writer(lambda request: "{}" if request.schema else write_like_a_model(request))
    writer.identity = endpoint_identity(URL, "quill")

    async def main():
        async with workbench(folder, writer) as bench:
            await make(bench, until)

    asyncio.run(main())
    return writer


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_calls_of_a_fresh_character_are_told_stage_by_stage(folder):
    rows = {row.stage: row.calls for row in told(folder) if row.stage != "profile"}
    assert rows == {"scenes": 4, "experiences": 2 * (4 + 2), "protective": 5}


def test_nothing_is_written_and_no_endpoint_is_asked(folder):
    before = everything(folder)
    told(folder)
    assert everything(folder) == before


def test_after_the_run_nothing_is_left_to_ask(folder):
    run_for_real(folder)
    before = everything(folder)
    assert [row for row in told(folder) if row.stage != "profile"] == []
    assert {path: data for path, data in everything(folder).items() if "ledger" not in path.name} == {
        path: data for path, data in before.items() if "ledger" not in path.name
    }


def test_only_what_changed_is_told_once_the_rest_is_answered(folder):
    run_for_real(folder)
    text = (folder / "character.yaml").read_text("utf-8")
    (folder / "character.yaml").write_text(text.replace("count: 5", "count: 7"), "utf-8")
    assert [(row.stage, row.calls) for row in told(folder) if row.stage != "profile"] == [("protective", 2)]


def test_the_price_is_that_of_the_tokens_at_most_with_replies_as_long_as_they_may_be(folder):
    row = next(row for row in told(folder) if row.stage == "protective")
    assert (row.calls, row.most_calls) == (5, 10)  # each may be asked for again once
    assert row.most_completion_tokens == 10 * 900
    assert row.most == pytest.approx((2 * row.prompt_tokens * 2.0 + 9000 * 8.0) / 1e6)
    assert (row.currency, row.local) == ("USD", False)


def test_replies_are_expected_to_be_as_long_as_they_were(folder):
    run_for_real(folder)
    text = (folder / "character.yaml").read_text("utf-8")
    (folder / "character.yaml").write_text(text.replace("count: 5", "count: 7"), "utf-8")
    row = next(row for row in told(folder) if row.stage == "protective")
    assert row.completion_tokens < 100 < row.most_completion_tokens


def test_a_price_that_nobody_named_is_unknown_and_not_nothing(tmp_path):
    folder = make_character(
        tmp_path / "mira", models={"writer": {"url": URL, "model": "quill"}}, protective={"count": 1}
    )
    row = next(row for row in told(folder) if row.stage == "protective")
    assert (row.price, row.most, row.local) == (None, None, False)


def test_a_model_on_this_machine_is_told_as_such(tmp_path):
    folder = make_character(tmp_path / "mira", scenes={"count": 1}, protective={"count": 1})
    rows = asyncio.run(estimate(Project.open(folder), "scenes", {"writer": ScriptedModel([], identity="here")}))
    assert [(row.stage, row.calls, row.local) for row in rows] == [("scenes", 1, True)]


CHAINS = {"plots": {"count": 3}, "rules": {"count": 2, "retries": 2}, "traps": {"count": 2, "retries": 2}}


def test_calls_that_follow_from_replies_are_told_as_assumed(tmp_path):
    endpoint = {"url": URL, "model": "quill"}
    folder = make_character(tmp_path / "mira", models={"writer": endpoint}, methods=list(CHAINS), **CHAINS)
    told = {name: asyncio.run(estimate(Project.open(folder), name)) for name in CHAINS}
    rows = {name: next(row for row in rows if row.stage == name) for name, rows in told.items()}
    assert {name: (row.calls, row.following) for name, row in rows.items()} == {
        "plots": (6, 3),
        "rules": (4, 2),
        "traps": (8, 6),
    }
    assert {name: row.most_calls for name, row in rows.items()} == {"plots": 12, "rules": 12, "traps": 24}


def test_scenes_have_room_for_their_rounds_of_replacements(folder):
    row = next(row for row in told(folder) if row.stage == "scenes")
    assert (row.calls, row.following, row.most_calls) == (4, 0, (4 + 3 * 4) * 2)


def test_what_is_asked_in_batches_is_told_at_their_price(tmp_path):
    """The half, unless the settings say otherwise."""

    def most(batch):
        writer = {"url": URL, "model": "quill", "price": PRICE, "batch": batch}
        folder = make_character(tmp_path / f"mira-{batch}", models={"writer": writer}, protective={"count": 2})
        return next(row for row in told(folder) if row.stage == "protective").most

    assert most(True) == pytest.approx(most(False) / 2)
