"""The bill before and after, and a row's way back, as a user sees them."""

import json
import sqlite3

import pytest
import yaml
from tests.cli.terminal import remembered, roletune


@pytest.fixture
def priced(folder):
    """The character with a price for its writer."""
    path = folder / "character.yaml"
    values = yaml.safe_load(path.read_text("utf-8"))
    values["models"]["writer"]["price"] = {"input": 1.0, "output": 10.0}
    path.write_text(yaml.safe_dump(values), "utf-8")
    return folder


def change(folder, **settings):
    path = folder / "character.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text("utf-8")) | settings), "utf-8")


def test_a_dry_run_tells_calls_and_price_and_asks_nothing(priced, endpoint, capsys):
    ended = roletune(capsys, "protective", priced, "--dry-run", "--json")
    rows = {row["stage"]: row for row in json.loads(ended.out)}
    assert rows["protective"]["calls"] == 12
    assert rows["protective"]["most"] > rows["protective"]["prompt_tokens"] / 1e6
    assert endpoint.asked == []
    told = roletune(capsys, "run", priced, "--dry-run").out
    assert "Together about" in told
    assert "USD" in told


def test_a_price_that_is_not_known_is_said_to_be_unknown(folder, capsys):
    told = roletune(capsys, "run", folder, "--dry-run").out
    assert "unknown" in told
    assert "price: {input" in told


def test_the_bill_has_the_price_of_every_stage(priced, capsys):
    roletune(capsys, "scenes", priced)
    rows = json.loads(roletune(capsys, "cost", priced, "--json").out)
    row = next(row for row in rows if row["stage"] == "scenes")
    assert row["price"] == pytest.approx((row["prompt_tokens"] + 10 * row["completion_tokens"]) / 1e6)
    assert "USD" in roletune(capsys, "cost", priced).out


def test_a_budget_stops_the_run_with_what_was_done_and_more_goes_on(priced, endpoint, capsys):
    change(priced, budget={"tokens": 1000})  # enough for scenes, which may take 700 each, not for experiences
    ended = roletune(capsys, "protective", priced)
    assert ended.code == 1
    assert "raise budget.tokens in character.yaml" in ended.err
    assert "stopped after" in ended.out
    assert endpoint.answered == len(remembered(priced)) == 2
    change(priced, budget={"tokens": 0})
    assert roletune(capsys, "protective", priced).code == 0
    assert endpoint.answered == len(remembered(priced))  # nothing twice


def test_a_budget_of_money_needs_a_price(folder, capsys):
    change(folder, budget={"amount": 1.0})
    ended = roletune(capsys, "check", folder)
    assert (ended.code, "models.writer has no price" in ended.err) == (1, True)


def test_a_row_is_traced_to_what_was_asked_and_answered(priced, capsys):
    roletune(capsys, "scenes", priced)
    row = json.loads((priced / "build" / "scenes.jsonl").read_text("utf-8").splitlines()[0])
    told = roletune(capsys, "trace", row["id"][:10], priced).out
    assert "prompt scenes.md" in told
    assert "from this." in told
    plain = json.loads(roletune(capsys, "trace", row["id"], priced, "--json").out)
    with sqlite3.connect(priced / "journal" / "ledger.sqlite") as ledger:
        (reply,) = ledger.execute("SELECT reply FROM calls WHERE key = ?", (row["provenance"]["request"],)).fetchone()
    assert plain["calls"][0]["call"]["reply"]["text"] == reply
