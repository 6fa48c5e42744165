import pytest

from roletune.evaluation.templating import cell, count, duration, figure, percent, signed, size


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (6.6123, "6.61"),
        (12.34, "12.3"),
        (1234.5, "1,234"),
        (0.7834, "0.783"),
        (0.013149, "0.0131"),
        (0, "0"),
        (9.999, "10.0"),
    ],
)
def test_figures_have_three_significant_digits(value, text):
    assert figure(value) == text


def test_other_figures_are_written_as_people_write_them():
    assert (signed(-0.2412), signed(0.0131)) == ("−0.241", "+0.0131")
    assert count(12345.0) == "12,345"
    assert [percent(x) for x in (0, 0.001, 0.41, 0.997, 1)] == ["0 %", "< 1 %", "41 %", "> 99 %", "100 %"]
    assert [duration(x) for x in (0.42, 42, 246)] == ["0.4 s", "42 s", "4 min 6 s"]
    assert [size(x) for x in (512, 34_000, 3_410_000_000)] == ["512 B", "34 kB", "3.4 GB"]


def test_a_cell_is_one_line_without_markup():
    assert cell("a|b\n<i>*c*") == r"a\|b &lt;i&gt;\*c\*"
