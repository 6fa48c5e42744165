import re

from roletune.evaluation.model_card import render_card
from roletune.evaluation.report_html import render_html
from roletune.evaluation.report_markdown import render_markdown
from roletune.records import Suites

from . import invented


def test_the_figures_of_the_report_are_in_the_summary():
    report = invented.report()
    page = render_markdown(report)
    assert report.verdict in page
    for contestant in ("base", "base_prompt", "adapter"):
        assert f"| {getattr(report.evaluation.likelihood, contestant).nll_per_token:.3f} |" in page
    assert "lower is better | " in page
    assert "| better, clear; × 0." in page
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


def test_what_was_forgotten_is_told_on_every_page_or_that_it_was_not_measured():
    report = invented.report(suites=Suites(capability=invented.capability(12)))
    pages = [" ".join(page.split()) for page in (render_markdown(report), render_html(report), card(report))]
    for page in pages:
        for right in ("60 of 60 are right as base,", "48 of 60 are right as adapter without prompt,"):
            assert right in page
        assert "by −20 points" in page
        assert "it forgot." in page
    for page in (render_markdown(invented.report()), render_html(invented.report()), card(invented.report())):
        assert "not measured. To measure it: roletune run CHARACTER --with capability" in page


def card(report):
    return render_card(report, subject="fictional", language="en", licence="MIT", gguf=False)
