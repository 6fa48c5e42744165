"""The tab `Chat`: talk, swipe, edit, retry, rate, with the adapter's strength at hand."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from roletune.errors import RoletuneError
from roletune.inference.serve.names import STRONGEST
from roletune.studio import talk as talks
from roletune.studio.tabs.filling import Fill, mistakes_shown, shown
from roletune.studio.talk import Talk
from roletune.studio.troupe import Troupe
from roletune.studio.views import render
from roletune.studio.why import behind

Shown = tuple[Any, ...]


class ChatTab:
    """The tab's components and what its events do."""

    def __init__(self, troupe: Troupe) -> None:
        self.troupe = troupe
        self.talk = gr.State(None)
        self.chat = gr.Chatbot(
            label="Conversation",
            height="46vh",
            editable="all",
            latex_delimiters=[],
            buttons=["copy"],
            allow_tags=False,
            placeholder="Say something.",
            layout="bubble",
            elem_id="conversation",
        )
        with gr.Row(elem_classes="swipe"):
            self.back = gr.Button("‹ Earlier", size="sm", min_width=90, elem_id="swipe-back")
            self.place = gr.HTML("", elem_classes="swipe-place", padding=False, min_height=0)
            self.next = gr.Button("Another answer ›", size="sm", min_width=110, elem_id="swipe-next")
        with gr.Row(elem_classes="level"):
            self.words = gr.Textbox(
                label="What you say", lines=1, max_lines=8, scale=5, min_width=300, autofocus=True, max_length=20_000
            )
            self.send = gr.Button("Send", variant="primary", scale=1, min_width=80)
            self.stop = gr.Button("Stop", scale=1, min_width=80)
        with gr.Accordion("Strength of the adapter, scene", open=False):
            self.strength = gr.Slider(
                0, STRONGEST, 1.0, step=0.1, label="Strength of the adapter (0: the base model with the prompt alone)"
            )
            self.scene = gr.Textbox(label="Another scene, in words", placeholder="The workshop, past midnight ...")
            self.again = gr.Button("Begin again", size="sm")
        with gr.Accordion("Why this answer", open=False):
            self.why = gr.HTML(elem_id="why")

    def wire(self, who: gr.Dropdown) -> None:
        """Connect the events."""
        out = [self.talk, self.chat, self.place, self.why]
        run: dict[str, Any] = {"outputs": out, "concurrency_limit": 4, "show_progress": "hidden"}
        said = gr.on([self.words.submit, self.send.click], self.say, [self.talk, self.words], [*out, self.words])
        said_then = said.success(self.answer, [self.talk, self.strength], **run)
        asked = gr.on([self.chat.retry, self.next.click], self.onward, [self.talk, self.strength], **run)
        edited = self.chat.edit(self.edit, [self.talk], out)
        edited_then = edited.success(self.answer, [self.talk, self.strength], **run)
        self.stop.click(self.halt, [self.talk, self.strength], out, cancels=[said_then, asked, edited_then])
        self.back.click(self.earlier, [self.talk], out)
        self.chat.clear(self.begin, [who], out)
        self.chat.like(self.rate, [self.talk], [self.talk])
        gr.on([self.again.click, self.scene.submit], self.begin, [who, self.scene], out)

    # -- what the events do ------------------------------------------------------------------------------------------

    def begin(self, who: str, scene: str = "") -> Shown:
        """A new chat, in the character's opening scene or in another one."""
        with mistakes_shown():
            talk = talks.begin(self.troupe.player(who), who)
            if scene.strip():
                talk = talk.in_scene(scene)
        return self.view(talk)

    def say(self, talk: Talk, text: str) -> Shown:
        """What was typed is in the chat, and the box is empty."""
        return (*self.view(talk.say(text)), "")

    async def answer(self, talk: Talk, strength: float) -> AsyncIterator[Shown]:
        """The character's answer to what was said last, if that has none yet."""
        if talk.conversation.awaits_answer:
            async for shown_so_far in self._answers(talk, strength):
                yield shown_so_far
        else:
            yield self.view(talk)

    async def onward(self, talk: Talk, strength: float) -> AsyncIterator[Shown]:
        """The next answer to the last message: one that is there, else a new one."""
        if not talk.conversation.turns:
            yield self.view(talk)
        elif talk.shown + 1 < len(talk.answers):
            yield self.view(self._kept(talk.choose(talk.shown + 1)))
        else:
            async for shown_so_far in self._answers(talk, strength):
                yield shown_so_far

    def earlier(self, talk: Talk) -> Shown:
        """The answer before this one."""
        return self.view(self._kept(talk.choose(talk.shown - 1)))

    def edit(self, talk: Talk, event: gr.EditData) -> Shown:
        """A message in other words; a changed message of the person's is answered anew."""
        return self.view(self._kept(talk.edit(_index(event.index), html.unescape(str(event.value)))))

    def rate(self, talk: Talk, event: gr.LikeData) -> Talk:
        """A thumb, or the end of one."""
        good = {True: True, False: False, "Like": True, "Dislike": False}.get(event.liked)
        with mistakes_shown():
            return talks.give_opinion(self.troupe, talk, _index(event.index), good)

    def halt(self, talk: Talk, strength: float) -> Shown:
        """What was written is kept as the answer."""
        with mistakes_shown():
            return self.view(talks.stop(self.troupe, talk, strength))

    # -- what is shown -----------------------------------------------------------------------------------------------

    async def _answers(self, talk: Talk, strength: float) -> AsyncIterator[Shown]:
        with mistakes_shown("What you said is kept: Another answer asks again."):
            try:
                async for now in talks.answer(self.troupe, talk, strength):
                    yield self.view(now)
            except RoletuneError:
                yield self.view(talk)  # of an answer that broke off nothing stays
                raise

    def _kept(self, talk: Talk) -> Talk:
        with mistakes_shown():
            talks.save(self.troupe, talk)
        return talk

    def view(self, talk: Talk) -> Shown:
        """The chat, the place among the answers and what lies behind the last one."""
        opinions = [talk.opinions.get(talk.rating(k)) for k in range(talk.last + 1) if talk.is_answer(k)]
        thumbs = [None if good is None else "Like" if good else "Dislike" for good in opinions]
        name = talk.conversation.profile.name
        chat = gr.Chatbot(
            value=talks.bubbles(talk, shown), feedback_value=thumbs, label=f"{name} and {talk.conversation.partner}"
        )
        place = f"Answer {talk.shown + 1} of {len(talk.answers)}" if talk.answers and not talk.partial else ""
        why = gr.skip() if talk.partial else self.reasons(talk)
        return talk, chat, place, why

    def reasons(self, talk: Talk) -> str:
        """The why-panel."""
        with mistakes_shown():
            why = behind(self.troupe.player(talk.who).project, talk.conversation)
            return render("why.html.jinja", why=why, notes=talk.notes)


def layout(troupe: Troupe, who: gr.Dropdown) -> Fill:
    """Make the tab."""
    tab = ChatTab(troupe)
    tab.wire(who)
    return Fill(tab.begin, [tab.talk, tab.chat, tab.place, tab.why])


def _index(index: Any) -> int:
    """The place of a message; Gradio gives a pair for messages that hold several things."""
    first = index[0] if isinstance(index, list | tuple) and index else index
    return first if isinstance(first, int) else -1
