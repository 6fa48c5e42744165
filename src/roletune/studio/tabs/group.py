"""The tab `Group`: a scene with several characters, who each know only what they perceived."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import gradio as gr

from roletune.errors import RoletuneError
from roletune.inference.serve.names import STRONGEST
from roletune.inference.settings import GroupSettings
from roletune.records import Turn
from roletune.studio import group as groups
from roletune.studio.group import Group
from roletune.studio.tabs.filling import Fill, mistakes_shown
from roletune.studio.troupe import Troupe
from roletune.studio.views import render

Shown = tuple[Any, ...]
NEXT, YOU = "whoever is next", "you"


class GroupTab:
    """The tab's components and what its events do."""

    def __init__(self, troupe: Troupe) -> None:
        self.troupe = troupe
        self.group = gr.State(None)
        self.top = gr.HTML(elem_id="group-top", padding=False)
        with gr.Column(visible=False) as self.stage:
            self._scene()
            self._words()
            self._people()
        with gr.Accordion("Cast, scene, who speaks next", open=False, visible=False) as self.setting:
            self._setting()
        with (
            gr.Accordion("Scenes that were kept", open=False, visible=False) as self.shelf,
            gr.Row(elem_classes="level"),
        ):
            self.kept = gr.Dropdown([], label="Scene", filterable=False, scale=3, min_width=180)
            self.resume = gr.Button("Go on with it", scale=1, min_width=120)

    def _scene(self) -> None:
        # One child in a column that runs upwards: the latest line stays in view without a script.
        with gr.Column(elem_id="group-scene"), gr.Column():
            self.said = gr.HTML(elem_id="group-said", padding=False, min_height=0)
            self.writing = gr.HTML(elem_id="group-writing", padding=False, min_height=0)
        with gr.Row(elem_classes="swipe"):
            self.back = gr.Button("‹ Earlier", size="sm", min_width=80, elem_id="group-back")
            self.place = gr.HTML("", elem_classes="swipe-place", padding=False, min_height=0)
            self.other = gr.Button("Another answer ›", size="sm", min_width=110)

    def _words(self) -> None:
        with gr.Row(elem_classes="level"):
            self.words = gr.Textbox(
                label="What you say in the scene", lines=1, max_lines=8, scale=5, min_width=300, max_length=20_000
            )
            self.send = gr.Button("Say it", variant="primary", scale=1, min_width=80)
            self.stop = gr.Button("Stop", scale=1, min_width=80)
        with gr.Row(elem_classes="level"):
            self.next = gr.Dropdown([NEXT], value=NEXT, label="Who goes on", filterable=False, scale=2, min_width=200)
            self.go = gr.Button("Go on (G)", elem_classes="key-g", scale=1, min_width=100)
            self.happen = gr.Button("Narrate it", scale=1, min_width=100)
            self.unsay = gr.Button("Take it back", scale=1, min_width=100)

    def _people(self) -> None:
        with gr.Row():
            self.here = gr.CheckboxGroup([], label="Who is in the room", min_width=200)
            self.hears = gr.CheckboxGroup([], label="Who hears you (nobody: all who are here)", min_width=200)
            self.seen = gr.Radio([YOU], value=YOU, label="As it is known to", min_width=200)

    def _setting(self) -> None:
        self.cast = gr.CheckboxGroup([], label="Characters")
        with gr.Row():
            self.person = gr.Textbox(label="Who you are", max_length=60, min_width=140)
            self.scene = gr.Textbox(label="Scene, in words", max_length=2_000, scale=2, min_width=180)
        with gr.Row():
            self.chooses = gr.Radio(
                [("who is named, else who was silent longest", "rule"), ("a model, where nobody is named", "model")],
                label="Who speaks next",
                min_width=200,
            )
            with gr.Column(min_width=160):
                self.narrator = gr.Checkbox(label="A narrator tells what happens")
                self.thoughts = gr.Checkbox(label="Show what they think and do not say")
        self.strength = gr.Slider(0, STRONGEST, 1.0, step=0.1, label="Strength of their adapters")
        self.begin = gr.Button("Begin this scene", variant="primary")

    def wire(self) -> None:
        """Connect the events."""
        out, whole = self.outputs, [*self.outputs, *self.controls]
        run: dict[str, Any] = {"outputs": out, "concurrency_limit": 4, "show_progress": "hidden"}
        said = gr.on(
            [self.words.submit, self.send.click], self.say, [self.group, self.words, self.hears, self.seen],
            [*out, self.words],
        )  # fmt: skip
        answered = said.success(self.answer, [self.group, self.strength, self.seen], **run)
        went = self.go.click(self.go_on, [self.group, self.strength, self.seen, self.next], **run)
        other = self.other.click(self.onward, [self.group, self.strength, self.seen], **run)
        self.stop.click(self.halt, [self.group, self.seen], out, cancels=[answered, went, other])
        self.back.click(self.earlier, [self.group, self.seen], out)
        self.unsay.click(self.take_back, [self.group, self.seen], out)
        self.happen.click(self.happens, [self.group, self.words, self.seen], [*out, self.words])
        self.here.input(self.move, [self.group, self.here, self.seen], out)
        self.seen.input(self.view, [self.group, self.seen], out)
        self.thoughts.input(self.think, [self.group, self.thoughts, self.seen], out)
        asked = [self.cast, self.person, self.scene, self.chooses, self.narrator, self.thoughts]
        self.begin.click(self.anew, asked, whole)
        self.shelf.expand(self.shelved, None, [self.kept], show_progress="hidden")
        self.resume.click(self.resumed, [self.kept, self.thoughts], whole)

    @property
    def outputs(self) -> list[Any]:
        """What changes with every line."""
        return [self.group, self.top, self.said, self.writing, self.place]

    @property
    def controls(self) -> list[Any]:
        """What changes with the cast."""
        return [self.next, self.here, self.hears, self.seen, self.person, self.chooses, self.narrator, self.kept]

    # -- what the events do ------------------------------------------------------------------------------------------

    def say(self, group: Group, text: str, to: list[str], seen: str) -> Shown:
        """What was typed is in the scene, and the box is empty."""
        with mistakes_shown():
            return (*self.view(self._kept(group.say(text, to)), seen), "")

    def happens(self, group: Group, text: str, seen: str) -> Shown:
        """What was typed happens."""
        return (*self.view(self._kept(group.happens(text)), seen), "")

    async def answer(self, group: Group, strength: float, seen: str) -> AsyncIterator[Shown]:
        """Whoever is to answer, if there is something to answer."""
        last = group.gathering.turns[-1].speaker if group.gathering.turns else ""
        if last == group.gathering.person:
            async for now in self._played(groups.go_on(self.troupe, group, strength), group, seen):
                yield now

    async def go_on(self, group: Group, strength: float, seen: str, who: str) -> AsyncIterator[Shown]:
        """The next line without the person."""
        name = "" if who == NEXT else who
        async for now in self._played(groups.go_on(self.troupe, group, strength, name), group, seen):
            yield now

    async def onward(self, group: Group, strength: float, seen: str) -> AsyncIterator[Shown]:
        """The last character's next answer: one that is there, else a new one."""
        if group.shown + 1 < len(group.answers):
            yield self.view(self._kept(group.choose(group.shown + 1)), seen)
            return
        async for now in self._played(groups.again(self.troupe, group, strength), group, seen):
            yield now

    def earlier(self, group: Group, seen: str) -> Shown:
        """The answer before this one."""
        return self.view(self._kept(group.choose(group.shown - 1)), seen)

    def take_back(self, group: Group, seen: str) -> Shown:
        """Without what the person said last."""
        return self.view(self._kept(group.taken_back()), seen)

    def move(self, group: Group, here: list[str], seen: str) -> Shown:
        """Those who were chosen are in the room, the others go."""
        return self.view(self._kept(group.with_present(here)), seen)

    def think(self, group: Group, thoughts: bool, seen: str) -> Shown:
        """Thoughts are asked for and shown, or not."""
        return self.view(group.thinking(thoughts), seen)

    def halt(self, group: Group, seen: str) -> Shown:
        """What was spoken is kept as the line."""
        with mistakes_shown():
            return self.view(groups.stop(self.troupe, group), seen)

    def anew(self, cast: list[str], person: str, scene: str, chooses: str, narrator: bool, thoughts: bool) -> Shown:
        """A new scene."""
        settings = GroupSettings(next="model" if chooses == "model" else "rule", narrator=narrator)
        with mistakes_shown():
            group = groups.begin(self.troupe, cast, person=person, scene=scene, settings=settings)
        return self.whole(group.thinking(thoughts))

    def resumed(self, name: str | None, thoughts: bool) -> Shown:
        """A scene that was kept."""
        with mistakes_shown():
            return self.whole(groups.resume(self.troupe, name or "").thinking(thoughts))

    async def _played(self, lines: AsyncIterator[Group], group: Group, seen: str) -> AsyncIterator[Shown]:
        """The lines as they are spoken; of one that fails nothing stays, and the message says what to do."""
        with mistakes_shown("What was said is kept: Go on asks again."):
            try:
                async for group in lines:
                    yield self.view(group, seen)
            except RoletuneError:
                yield self.view(group.silent(), seen)
                raise

    def _kept(self, group: Group) -> Group:
        with mistakes_shown():
            groups.save(self.troupe, group)
        return group

    # -- what is shown -----------------------------------------------------------------------------------------------

    def view(self, group: Group, seen: str = YOU) -> Shown:
        """The scene as one of them knows it, what is being spoken, and the place among the answers."""
        name = seen if seen in group.gathering.names else ""
        said, now = group.seen(group.gathering, name), group.seen(group.being_spoken, name)
        missed = len(group.seen(group.gathering)) - len(said)
        waiting = f"{group.speaker} …" if group.speaker and not group.partial else ""
        lines = "1 line" if missed == 1 else f"{missed} lines"
        told = f"{lines} that {name} did not perceive left out." if missed else ""
        if not group.gathering.turns and not group.speaker:
            told = "Nothing has been said. Say something, or let the scene go on without you."
        place = f"Answer {group.shown + 1} of {len(group.answers)}" if group.answers and not group.speaker else ""
        return (
            group,
            self._top(group),
            self._lines(group, said, told),
            self._lines(group, now[len(said) :], waiting),
            place,
        )

    def _lines(self, group: Group, turns: Sequence[Turn], waiting: str) -> str:
        scene = group.gathering

        def heard_by(turn: Turn) -> list[str]:
            """Who else heard it, if not all did."""
            if turn.audience is None or set(scene.names) <= {turn.speaker, *turn.audience}:
                return []
            return [name for name in (scene.person, *scene.names) if name in turn.audience and name != turn.speaker]

        return render("group.html.jinja", turns=turns, names=list(scene.names), heard_by=heard_by, waiting=waiting)

    def _top(self, group: Group) -> str:
        told = dict.fromkeys(line for name in group.cast for line in self.troupe.player(name).told[1:2])
        scene = group.gathering
        return render(
            "cast.html.jinja", told=told, names=scene.names, scene=scene.scene, person=scene.person, away=scene.away
        )

    def whole(self, group: Group) -> Shown:
        """The scene and everything that is chosen from its cast."""
        scene, everybody = group.gathering, list(group.gathering.names)
        return (
            *self.view(group),
            gr.Dropdown([NEXT, *everybody, *filter(None, [scene.narrator])], value=NEXT),
            gr.CheckboxGroup(everybody, value=list(scene.present)),
            gr.CheckboxGroup(everybody, value=[]),
            gr.Radio([YOU, *everybody], value=YOU),
            scene.person,
            group.settings.next,
            group.settings.narrator,
            self.shelved(),
        )

    def shelved(self) -> gr.Dropdown:
        """The scenes that were kept until now."""
        kept = [(title, name) for name, title in groups.kept(self.troupe).items()]
        return gr.Dropdown(kept, value=kept[0][1] if kept else None)

    def fresh(self, _who: str) -> Shown:
        """A scene with all who can play, or how to get one."""
        called = self.troupe.titles
        cast = [name for name, player in self.troupe.players.items() if player.trained]
        try:
            group = groups.begin(self.troupe, cast)
        except RoletuneError as error:
            page = self._nobody(str(error))
            shown = gr.update(visible=len(called) > 1)
            empty = (None, page, "", "", "", *(gr.skip() for _ in self.controls))
            return *empty, gr.CheckboxGroup(called, value=cast), gr.update(visible=False), shown, shown
        there = gr.update(visible=True)
        return *self.whole(group), gr.CheckboxGroup(called, value=cast), there, there, there

    def _nobody(self, why: str) -> str:
        players = list(self.troupe.players.values())
        untrained = [(one.project.character.name, one.project.folder) for one in players if not one.trained]
        first = players[0].project.folder
        return render("no_group.html.jinja", why=why, several=len(players) > 1, untrained=untrained, folder=first)


def layout(troupe: Troupe, _who: gr.Dropdown) -> Fill:
    """Make the tab."""
    tab = GroupTab(troupe)
    tab.wire()
    return Fill(tab.fresh, [*tab.outputs, *tab.controls, tab.cast, tab.stage, tab.setting, tab.shelf], again=False)
