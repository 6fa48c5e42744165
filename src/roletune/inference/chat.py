"""The terminal chat: a person and one or several characters take turns until the person leaves.

Nothing that happens in a turn ends the chat: an endpoint that does not answer is one line and the message waits for
/retry, Ctrl-C stops the reply and keeps what was written of it. Every answer is on the disk before the next message.
From a pipe there is nobody to read such a line, so there an error is raised and Ctrl-C ends the chat.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from rich.console import Console
from rich.text import Text

from roletune.errors import RoletuneError
from roletune.inference.actor import Actor
from roletune.inference.chat_commands import COMMANDS, short
from roletune.inference.chat_file import ChatFile
from roletune.inference.delivery import Pace, deliver
from roletune.inference.directing import Director
from roletune.inference.gathering import Gathering
from roletune.inference.lines import Lines, open_lines
from roletune.records import Turn

_NAMES = tuple(COMMANDS)
_SHOWN_AGAIN = 4  # turns of a chat that is gone on with


async def chat(
    gathering: Gathering,
    actors: Mapping[str, Actor],
    console: Console,
    *,
    folder: Path,
    notice: str = "",
    history: Path | None = None,
    lines: Lines | None = None,
    notes: Console | None = None,
    director: Director | None = None,
) -> None:
    """Go on with `gathering` until the person leaves; `actors` play its characters, by name.

    Chats are saved in `folder`; `history` keeps what was typed. `notice` is the characters' own, shown under ours.
    Replies are printed on `console`, everything else on `notes` (the same, if not given). `lines` default to the
    terminal or standard input. Without a `director` the rule says who speaks next, and nothing is narrated.
    """
    lines = lines or open_lines(gathering.person, history, _NAMES)
    talk = Chat(gathering, actors, console, ChatFile(folder), lines, notes or console, director)
    try:
        await talk.run(notice)
    finally:
        for actor in actors.values():
            await actor.close()


class Chat:
    """One chat while it goes on; what the commands (`chat_commands`) work on."""

    def __init__(
        self,
        gathering: Gathering,
        actors: Mapping[str, Actor],
        console: Console,
        file: ChatFile,
        lines: Lines,
        notes: Console,
        director: Director | None = None,
    ) -> None:
        self.gathering = gathering
        self.actors = actors
        self.console = console
        self.file = file
        self.lines = lines
        self.notes = notes
        self.director = director
        self.open = True
        self.speaker = gathering.names[0]  # who answered last
        self.answers: list[str] = []  # to the last message, in the order they came
        self.forgetting = False  # whether the last prompt left messages out
        self.paces: list[Pace] = []

    @property
    def actor(self) -> Actor:
        """Who answered last."""
        return self.actors[self.speaker]

    @property
    def alone(self) -> bool:
        """Whether there is one character only."""
        return len(self.actors) == 1

    async def run(self, notice: str) -> None:
        """Take turns until the person leaves."""
        who = " and ".join(self.gathering.names)
        made = "is an AI character: what it says is" if self.alone else "are AI characters: what they say is"
        self.note(f"{who} {made} made up. /help lists the commands.")
        if notice:
            self.note(notice)
        self.show_scene()
        self.show_turns(self.gathering.turns[-_SHOWN_AGAIN:])
        self._pause()
        if self.alone:
            self.actor.warm(self.gathering.view(self.speaker))
            if self.lines.interactive:
                await self.actor.settled()  # a bar that is drawn and a line that is typed overwrite each other
        while self.open:
            line = await self._read()
            if line is None:
                break
            if line.strip():
                await self._take(line.strip())
                self._pause()
        if self.file.path:
            self.note(f"Saved as {short(self.file.path)}")

    async def _read(self) -> str | None:
        while True:
            try:
                return await self.lines.read()
            except KeyboardInterrupt:
                if not self.lines.interactive:
                    raise
                self.note("/quit or Ctrl-D leaves.")

    async def _take(self, line: str) -> None:
        """A message or a command."""
        try:
            if line.startswith("/") and not line.startswith("//"):
                await self._obey(line)
            else:
                await self.say(self.gathering.say(line.removeprefix("/") if line.startswith("//") else line))
        except RoletuneError as error:
            if not self.lines.interactive:
                raise
            self.note(" ".join(str(error).split()), style="red")
            if self.gathering.view(self.speaker).awaits_answer:
                self.note("Your message is kept: /retry asks again.")

    async def _obey(self, line: str) -> None:
        name, *rest = line.split(maxsplit=1)
        command = COMMANDS.get(name.casefold())
        if command:
            before, answered = (self.gathering, self.actor.strength), len(self.paces)
            await command.run(self, rest[0] if rest else "")
            if self.alone and (self.gathering, self.actor.strength) != before and len(self.paces) == answered:
                self.actor.warm(self.gathering.view(self.speaker))  # what is to be read is another prompt now
            return
        near = get_close_matches(name.casefold(), _NAMES, n=1)
        hint = f"Did you mean {near[0]}?" if near else "/help lists the commands."
        self.note(f"There is no command {name}. {hint} A message may begin with a slash if you double it.")

    # -----------------------------------------------------------------------------------------------------------------
    # Turns

    async def say(self, said: Gathering) -> None:
        """What the person says, and the answers of whoever is to speak next."""
        if not said.able:
            self.note("Nobody is here to answer. /enter NAME brings somebody back.")
            return
        # A message that does not fit is refused before it is part of the chat.
        self.actors[said.next_characters()[0]].give(said.view(said.next_characters()[0]))
        self.gathering, self.answers = said, []
        for name in await self.next_speakers():
            if not await self.go_on(name):
                break

    async def next_speakers(self) -> tuple[str, ...]:
        """Who speaks next, by the director or the rule."""
        return await self.director.next_speakers(self.gathering) if self.director else self.gathering.next_speakers()

    async def go_on(self, name: str) -> bool:
        """Have a character answer or the narrator tell what happens. False if it was stopped."""
        return await (self.narrate() if name == self.gathering.narrator else self.be_answered(name))

    async def narrate(self) -> bool:
        """Something happens, in the narrator's words; True if it was not stopped."""
        assert self.director is not None
        told = self.director.narration(self.gathering)

        async def pieces() -> AsyncGenerator[str, None]:
            yield await told  # whole: what a narrator must not tell is cut from it first

        delivery = await deliver(pieces(), self.console, self.gathering.narrator, labelled=True)
        if delivery.text and not delivery.stopped:
            self.gathering = self.gathering.happens(delivery.text)
            self.keep()
        return not delivery.stopped

    async def be_answered(self, name: str, *, again: bool = False) -> bool:
        """Have a character answer; with `again` in the place of its last answer. False if it was stopped."""
        actor, before = self.actors[name], self.gathering.unanswered() if again else self.gathering
        said = before.view(name)
        pieces = actor.perform(said, len(self.answers) if again else 0)
        self.speaker = name
        delivery = await deliver(pieces, self.console, name, labelled=not self.alone)
        await pieces.aclose()
        if delivery.text:
            self.paces.append(delivery.counted(actor.last))
            self.gathering = before.answer(name, delivery.text)
            self.answers = [*(self.answers if again else ()), delivery.text]
            actor.answered(self.gathering.view(name))
            self.keep()
        self._tell(actor, name, stopped=delivery.stopped, answered=bool(delivery.text))
        return not delivery.stopped

    def _tell(self, actor: Actor, name: str, *, stopped: bool, answered: bool) -> None:
        if stopped and not self.lines.interactive:
            raise KeyboardInterrupt
        left_out = actor.given.left_out if actor.given else 0
        if left_out and not self.forgetting:
            self.note(f"The chat has outgrown the prompt: {name} has its latest messages and what it recalls.")
        self.forgetting = self.forgetting or left_out > 0
        if stopped:
            self.note("Stopped." if answered else "Stopped before the first word. /retry asks again.")
        elif actor.last and actor.last.finish_reason == "length":
            self.note(f"Cut off at {actor.settings.max_tokens} tokens (chat.max_tokens).")
        elif not answered:
            self.note(f"{name} said nothing. /retry asks again.")
        if actor.trouble:
            self.note(f"Meanwhile: {actor.trouble}")
            actor.trouble = ""

    def change(self, gathering: Gathering) -> None:
        """Another chat, with a file of its own; what was said in this one stays saved."""
        if self.file.path:
            self.note(f"Saved as {short(self.file.path)}")
        self.file.close()
        self.gathering, self.answers, self.forgetting = gathering, [], False

    def keep(self) -> None:
        """Save the chat, if chats are to be saved."""
        if self.actor.settings.autosave and self.gathering.turns:
            self.file.save(self.gathering)

    # -----------------------------------------------------------------------------------------------------------------
    # Notes

    def show_scene(self) -> None:
        """Where this is and what is the matter."""
        scene = self.gathering.scene
        for label, text in (("Place", scene.location), ("Situation", scene.background)):
            if text:
                self.note(f"{label}: {text}")

    def show_turns(self, turns: Sequence[Turn]) -> None:
        """What was said, a line a turn; thoughts only where they are shown."""
        for turn in turns:
            if turn.kind == "thought" and not self.actor.settings.thoughts:
                continue
            to = "" if turn.audience is None else f" (to {', '.join(turn.audience)})"
            self.note(f"{turn.speaker}{to} › {turn.text}" if turn.kind == "speech" else f"*{turn.text}*")

    def note(self, text: str, style: str = "dim") -> None:
        """A line that is not part of the chat."""
        self.notes.print(Text(text, style))

    def _pause(self) -> None:
        """Room between what was said and the next prompt, if there is one."""
        if self.lines.interactive:
            self.notes.print()
