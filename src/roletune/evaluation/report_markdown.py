"""The report as Markdown: for a model card, a pull request, or a reader without a browser.

What a model or a source wrote is put on one line and escaped, so it can't become markup.
"""

from __future__ import annotations

from roletune.evaluation import templating
from roletune.evaluation.areas import areas
from roletune.evaluation.style import shown_checks
from roletune.records import CONTESTANTS, Report


def render_markdown(report: Report) -> str:
    """GitHub-flavoured Markdown, with a final newline."""
    template = templating.text().get_template("report.md.jinja")
    page = template.render(
        report=report,
        areas=areas(report),
        contestants=CONTESTANTS,
        everybody=report.evaluation.contestants,
        style=report.evaluation.style.rates,
        shown_checks=shown_checks(report.evaluation.style),
    )
    return page.rstrip() + "\n"
