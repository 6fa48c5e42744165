"""The tab `Profile`: what is known, and what the linter found."""

from __future__ import annotations

import gradio as gr

from roletune.studio.tabs.filling import Fill, mistakes_shown
from roletune.studio.troupe import Troupe
from roletune.studio.views import profile_view


def layout(troupe: Troupe, _who: gr.Dropdown) -> Fill:
    """Make the tab."""
    page = gr.HTML(elem_id="profile")

    def fill(who: str) -> str:
        with mistakes_shown():
            return profile_view(troupe.player(who).project)

    return Fill(fill, [page])
