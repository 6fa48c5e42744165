"""The tab `Training`: the learning curve of the run that goes on, drawn anew while it does, and the finished ones."""

from __future__ import annotations

from typing import Any

import gradio as gr

from roletune.studio.tabs.filling import Fill, mistakes_shown
from roletune.studio.troupe import Troupe
from roletune.studio.views import training_stamp, training_view

SECONDS = 3.0  # between two looks at the run's files


def layout(troupe: Troupe, who: gr.Dropdown) -> Fill:
    """Make the tab."""
    page, seen = gr.HTML(elem_id="training"), gr.State("")

    def fill(name: str) -> tuple[str, str]:
        project = troupe.player(name).project
        with mistakes_shown():
            return training_view(project), training_stamp(project.build)

    def look(name: str, stamp: str) -> Any:
        if training_stamp(troupe.player(name).project.build) == stamp:
            return gr.skip(), gr.skip()
        return fill(name)

    gr.Timer(SECONDS).tick(look, [who, seen], [page, seen], show_progress="hidden")
    return Fill(fill, [page, seen])
