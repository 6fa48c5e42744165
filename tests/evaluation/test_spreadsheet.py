"""Tables that a spreadsheet opens: whatever is in a cell stays text, and comes back as it was."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.evaluation.spreadsheet import safe_cell, write_table


@pytest.mark.parametrize(
    "attack",
    [
        "=1+1",
        "+1",
        "-2",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\ufeff=1",
        "\uff1d1",
        '=HYPERLINK("x")',
        "\x00=1",
    ],
)
def test_what_a_spreadsheet_would_run_begins_with_an_apostrophe(attack):
    assert str(safe_cell(attack)).startswith("'")


@given(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=60)
def test_every_cell_comes_back_and_none_begins_a_formula(text, number, share):
    written = write_table(["a", "b", "c", "d"], [[text, number, share, None]])
    header, row = csv.reader(io.StringIO(written, newline=""))
    assert header == ["a", "b", "c", "d"]
    assert row[0] == safe_cell(text)
    assert not row[0].lstrip().startswith(("=", "+", "-", "@"))
    assert (int(row[1]), float(row[2]), row[3]) == (number, share, "")


def test_numbers_keep_their_sign_and_yes_is_one():
    assert [safe_cell(value) for value in (-1, -0.5, True, False)] == [-1, -0.5, 1, 0]
