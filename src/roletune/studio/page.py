"""The page: a notice and the character's name above, the tabs below. Gradio; nothing in it comes from another host."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from roletune.studio.tabs import chat, compare, group, profile, report, review, training
from roletune.studio.tabs.filling import Fill
from roletune.studio.troupe import Troupe
from roletune.studio.views import render

TABS: dict[str, Callable[[Troupe, gr.Dropdown], Fill]] = {
    "Chat": chat.layout,
    "Group": group.layout,
    "Compare": compare.layout,
    "Review": review.layout,
    "Profile": profile.layout,
    "Training": training.layout,
    "Report": report.layout,
}


def make_page(troupe: Troupe) -> gr.Blocks:
    """The page of these characters."""
    first = next(iter(troupe.players))
    with gr.Blocks(analytics_enabled=False, title="roletune studio") as page:
        gr.HTML("<h1>roletune studio</h1>", padding=False)
        who = gr.Dropdown(
            choices=troupe.titles,
            value=first,
            label="Character",
            visible=len(troupe.players) > 1,
            filterable=False,
        )
        notice = gr.HTML(padding=False)
        fills = [Fill(lambda name: render("notice.html.jinja", told=troupe.player(name).told), [notice])]
        with gr.Tabs():
            for title, layout in TABS.items():
                with gr.Tab(title, id=title.lower()):
                    fills.append(layout(troupe, who))
        for fill in fills:
            when = [page.load, *([who.change] if fill.again else [])]
            gr.on(when, fill.make, [who], list(fill.outputs), show_progress="hidden")
    return page


def theme() -> gr.themes.Base:
    """Fonts of the reader's own system only: Gradio's themes otherwise ask a font server."""
    sans = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
    mono = ["ui-monospace", "SF Mono", "Menlo", "Consolas", "Liberation Mono", "monospace"]
    made = gr.themes.Base(primary_hue="teal", font=sans, font_mono=mono)
    return made.set(  # dark enough to be read on white, light enough on black
        color_accent="*primary_700",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_text_color="white",
    )
