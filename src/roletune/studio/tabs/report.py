"""The tab `Report`: the evaluation's page, in a frame."""

from __future__ import annotations

import gradio as gr

from roletune.studio.tabs.filling import Fill, mistakes_shown
from roletune.studio.troupe import Troupe
from roletune.studio.views import report_view


def layout(troupe: Troupe, _who: gr.Dropdown) -> Fill:
    """Make the tab."""
    page = gr.HTML(elem_id="report")

    def fill(who: str) -> str:
        with mistakes_shown():
            return report_view(who, troupe.player(who).project)

    return Fill(fill, [page])
