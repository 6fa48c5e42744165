"""The tab `Compare`: two contestants side by side, or blind with a vote."""

from __future__ import annotations

from getpass import getuser
from typing import Any

import gradio as gr

from roletune.records import CONTESTANTS
from roletune.studio import contest
from roletune.studio.contest import LONGEST_QUESTION, LONGEST_VOTER, Choice, Round
from roletune.studio.tabs.filling import Fill, mistakes_shown
from roletune.studio.troupe import Troupe
from roletune.studio.views import render
from roletune.verbs.contestants import names

Shown = tuple[Any, ...]


class CompareTab:
    """The tab's components and what its events do."""

    def __init__(self, troupe: Troupe) -> None:
        self.troupe = troupe
        self.round = gr.State(None)
        with gr.Row():
            self.first = gr.Dropdown(list(CONTESTANTS), value="adapter", label="One", min_width=140)
            self.second = gr.Dropdown(list(CONTESTANTS), value="base_prompt", label="The other", min_width=140)
            self.voter = gr.Textbox(_account(), label="Who votes", max_length=LONGEST_VOTER, min_width=140)
        self.question = gr.Textbox(
            label="Your question (empty: the character's own questions in turn, for blind votes)",
            max_length=LONGEST_QUESTION,
            lines=1,
            max_lines=6,
        )
        with gr.Row():
            self.blind = gr.Button("Compare blindly (N)", variant="primary", elem_classes="key-n", min_width=150)
            self.open = gr.Button("Side by side, with names", min_width=150)
        self.replies = gr.HTML(elem_id="replies")
        with gr.Row(visible=False) as self.choices:
            self.left = gr.Button("A is better (A)", elem_classes="key-a", min_width=110)
            self.right = gr.Button("B is better (B)", elem_classes="key-b", min_width=110)
            self.tie = gr.Button("Tie (T)", elem_classes="key-t", min_width=80)
            self.skip = gr.Button("Skip (S)", elem_classes="key-s", min_width=80)
        self.standings = gr.HTML(elem_id="standings")

    def wire(self, who: gr.Dropdown) -> None:
        """Connect the events."""
        out = [self.round, self.replies, self.choices, self.standings]
        asked = [who, self.first, self.second, self.voter, self.question]
        gr.on([self.blind.click, self.question.submit], self.ask_blindly, asked, out)
        self.open.click(self.ask_openly, [who, self.first, self.second, self.question], out)
        for button, choice in ((self.left, self.vote_left), (self.right, self.vote_right), (self.tie, self.vote_tie)):
            button.click(choice, [self.round], out)
        self.skip.click(self.skipped, [who], out)

    async def ask_blindly(self, who: str, first: str, second: str, voter: str, question: str) -> Shown:
        """The next question, with two replies without names."""
        with mistakes_shown():
            asked = await contest.next_round(self.troupe, who, (first, second), voter, question)
        if asked is None:
            told = "Every question is voted on. Type one of your own, or choose another pair."
            return None, render("empty.html.jinja", what=told, command=""), gr.Row(visible=False), self.table(who)
        return asked, self.pair(asked), gr.Row(visible=True), ""

    async def ask_openly(self, who: str, first: str, second: str, question: str) -> Shown:
        """Both replies to a question, with their names and without a vote."""
        with mistakes_shown():
            replies = await contest.side_by_side(self.troupe, who, (first, second), question)
        shown = list(zip((first, second), replies, strict=True))
        told = "Votes are blind only: who knows the names does not look at the replies."
        page = render("replies.html.jinja", question=question, replies=shown, note=told)
        return None, page, gr.Row(visible=False), self.table(who)

    def vote_left(self, asked: Round | None) -> Shown:
        """A is better."""
        return self.vote(asked, "left")

    def vote_right(self, asked: Round | None) -> Shown:
        """B is better."""
        return self.vote(asked, "right")

    def vote_tie(self, asked: Round | None) -> Shown:
        """Neither."""
        return self.vote(asked, "tie")

    def vote(self, asked: Round | None, choice: Choice) -> Shown:
        """Keep the vote, tell who was who; a second click on the same replies does nothing."""
        if asked is None:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        with mistakes_shown():
            found = contest.vote(self.troupe, asked, choice)
        table = render("standings.html.jinja", names=found.names, report=found.report)
        return None, self.pair(asked), gr.Row(visible=False), table

    def skipped(self, who: str) -> Shown:
        """Another time."""
        told = "Skipped: it comes again. Compare blindly for the next one."
        return None, render("empty.html.jinja", what=told, command=""), gr.Row(visible=False), self.table(who)

    def pair(self, asked: Round) -> str:
        """The two replies, as A and B."""
        told = [f"{asked.left} questions after this one"]
        told += [f"{number} left out: {why}" for number, why in _passed(asked) if number]
        replies = list(zip("AB", asked.bout.replies, strict=True))
        return render(
            "replies.html.jinja", question=asked.bout.question.text, replies=replies, note="; ".join(told) + "."
        )

    def table(self, who: str) -> str:
        """All blind votes on the adapter in use."""
        with mistakes_shown():
            return render("standings.html.jinja", names=None, report=contest.standings(self.troupe, who))

    def fresh(self, who: str) -> Shown:
        """Nothing asked yet."""
        player = self.troupe.player(who)
        if player.trained:
            told, command = "Two replies to one question, without names: choose, and the names are told.", ""
        else:
            told = f"{player.project.character.name} was not trained yet, so there is nobody to compare."
            command = f"roletune run {player.project.folder}"
        page = render("empty.html.jinja", what=told, command=command)
        who_there_is = list(names(player.bench))
        pair = gr.Dropdown(who_there_is, value="adapter"), gr.Dropdown(who_there_is, value="base_prompt")
        return *pair, None, page, gr.Row(visible=False), self.table(who)


def layout(troupe: Troupe, who: gr.Dropdown) -> Fill:
    """Make the tab."""
    tab = CompareTab(troupe)
    tab.wire(who)
    return Fill(tab.fresh, [tab.first, tab.second, tab.round, tab.replies, tab.choices, tab.standings])


def _passed(asked: Round) -> list[tuple[int, str]]:
    return [(asked.equal, "equal replies"), (asked.unanswered, "unanswered")]


def _account() -> str:
    """The name of the account, to begin with; some systems have none."""
    try:
        return getuser()
    except (OSError, KeyError, ImportError):
        return ""
