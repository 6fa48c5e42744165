"""The tab `Review`: rows of generated data to accept, reject or edit, by mouse or keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from roletune.studio import desk as desks
from roletune.studio.desk import Desk
from roletune.studio.tabs.filling import Fill, mistakes_shown
from roletune.studio.troupe import Troupe
from roletune.studio.views import render

Shown = tuple[Any, ...]
NONE = "Nothing to review yet."


class ReviewTab:
    """The tab's components and what its events do."""

    def __init__(self, troupe: Troupe) -> None:
        self.troupe = troupe
        self.desk = gr.State(None)
        with gr.Row():
            self.stage = gr.Dropdown([], label="Stage", min_width=160)
            self.rejected = gr.Checkbox(label="Rows that were not kept (accepting adds them)", elem_id="rejected")
        self.row = gr.HTML(elem_id="row")
        with gr.Row(visible=False) as self.buttons:
            self.accept = gr.Button("Accept (A)", variant="primary", elem_classes="key-a", min_width=140)
            self.reject = gr.Button("Reject (R)", variant="stop", elem_classes="key-r", min_width=140)
            self.edit = gr.Button("Edit (E)", elem_classes="key-e", min_width=80)
            self.skip = gr.Button("Skip (S)", elem_classes="key-s", min_width=80)
            self.back = gr.Button("Back (B)", elem_classes="key-b", min_width=80)
        with gr.Group(visible=False) as self.editing:
            self.text = gr.Textbox(label="The row as JSON (its id must stay)", lines=12, max_lines=24)
            with gr.Row():
                self.save = gr.Button("Save", variant="primary", min_width=100)
                self.cancel = gr.Button("Leave it as it is", min_width=100)

    def wire(self, who: gr.Dropdown) -> None:
        """Connect the events."""
        out = [self.desk, self.row, self.buttons, self.editing, self.text]
        gr.on([self.stage.input, self.rejected.input], self.open, [who, self.stage, self.rejected], out)
        actions: list[tuple[gr.Button, Callable[[Desk | None], Shown]]] = [
            (self.accept, self.accepted),
            (self.reject, self.turned_down),
            (self.skip, self.skipped),
            (self.back, self.gone_back),
            (self.edit, self.opened),
            (self.cancel, self.view),
        ]
        for button, action in actions:
            button.click(action, [self.desk], out, show_progress="hidden")
        self.save.click(self.saved, [self.desk, self.text], out)

    def open(self, who: str, stage: str | None, rejected: bool) -> Shown:
        """The rows of a stage."""
        if not stage:
            return self.view(None)
        with mistakes_shown():
            return self.view(desks.open_desk(self.troupe.player(who), stage, rejected=rejected))

    def accepted(self, desk: Desk | None) -> Shown:
        """Keep the row."""
        with mistakes_shown():
            return self.view(desk and desks.accept(desk))

    def turned_down(self, desk: Desk | None) -> Shown:
        """Leave the row out."""
        with mistakes_shown():
            return self.view(desk and desks.reject(desk))

    def skipped(self, desk: Desk | None) -> Shown:
        """Decide later."""
        return self.view(desk and desk.moved(1))

    def gone_back(self, desk: Desk | None) -> Shown:
        """The row before."""
        return self.view(desk and desk.moved(-1))

    def opened(self, desk: Desk | None) -> Shown:
        """The row as JSON, to be changed."""
        if desk is None or desk.row is None:
            return self.view(desk)
        state, row, buttons, _, _ = self.view(desk)
        return state, row, buttons, gr.Group(visible=True), desk.json

    def saved(self, desk: Desk | None, text: str) -> Shown:
        """The changed row takes the place of the one in view; the box stays open if it is no such row."""
        with mistakes_shown():
            return self.view(desk and desks.edit(desk, text))

    def view(self, desk: Desk | None) -> Shown:
        """The row in view, or what to do where there is none."""
        if desk is None:
            page = render("empty.html.jinja", what=NONE, command="roletune run")
        elif desk.row is None:
            page = render("desk_end.html.jinja", desk=desk, folder=desk.player.project.folder)
        else:
            page = render("row.html.jinja", desk=desk)
        shown = desk is not None and (desk.row is not None or desk.place > 0)
        return desk, page, gr.Row(visible=shown), gr.Group(visible=False), ""

    def fresh(self, who: str) -> Shown:
        """The stages of another character."""
        player = self.troupe.player(who)
        found = desks.stages(player)
        # A stage whose rows were changed by hand can't be opened: the message comes when somebody chooses it.
        return gr.Dropdown(choices=found, value=None), gr.Checkbox(value=False), *self._choose(bool(found), player)

    def _choose(self, anything: bool, player: Any) -> Shown:
        folder = player.project.folder
        told = ("Choose a stage.", "") if anything else (NONE, f"roletune run {folder}")
        page = render("empty.html.jinja", what=told[0], command=told[1])
        return None, page, gr.Row(visible=False), gr.Group(visible=False), ""


def layout(troupe: Troupe, who: gr.Dropdown) -> Fill:
    """Make the tab."""
    tab = ReviewTab(troupe)
    tab.wire(who)
    return Fill(tab.fresh, [tab.stage, tab.rejected, tab.desk, tab.row, tab.buttons, tab.editing, tab.text])
