import re

from roletune.evaluation.report_markdown import render_markdown

from . import invented


def test_the_figures_of_the_report_are_in_the_summary():
    report = invented.report()
    page = render_markdown(report)
    assert report.verdict in page
    for contestant in ("base", "base_prompt", "adapter"):
        assert f"| {getattr(report.evaluation.likelihood, contestant).nll_per_token:.3f} |" in page
    assert "| no warning at all | 4/13 " in page
    assert "| training, generated | 6 (7 %) dialogues, 1,000 (4 %) tokens with loss |" in page
    assert "| protective: kept, not kept | 6, 34 |" in page


def test_every_table_has_as_many_columns_in_each_row_as_in_its_head():
    for block in render_markdown(invented.report()).split("\n\n"):
        rows = [row for row in block.splitlines() if row.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1


def test_what_a_model_wrote_can_not_become_markup():
    page = render_markdown(invented.report(character="J | <b>*x*</b> [a](http://b)"))
    assert "<script>" not in page
    assert "<b>" not in page
    assert r"# J \| &lt;b&gt;\*x\*&lt;/b&gt; \[a\](http://b): report" in page


def test_replies_of_several_lines_stay_in_one_item():
    page = render_markdown(invented.report())
    assert "Here are some examples: - Music - Sports" in page
    assert "\n- Music" not in page
