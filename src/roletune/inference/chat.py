"""The terminal chat: a person and a character take turns until one of them leaves.

Nothing that happens in a turn ends the chat: an endpoint that does not answer is one line and the message waits for
/retry, Ctrl-C stops the reply and keeps what was written of it. Every answer is on the disk before the next message.
From a pipe there is nobody to read such a line, so there an error is raised and Ctrl-C ends the chat.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from difflib import get_close_matches
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.errors import RoletuneError
from roletune.inference.chat_file import ChatFile
from roletune.inference.conversation import Conversation, Count, chat_scene
from roletune.inference.delivery import Pace, deliver
from roletune.inference.lines import Lines, open_lines
from roletune.inference.settings import ChatSettings
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatRequest

COMMANDS = {
    "/help": "show this list",
    "/retry": "have the last message answered again",
    "/reset": "begin the scene again",
    "/scene [PLACE |] SITUATION": "begin another scene; without words, show the present one",
    "/save [NAME]": "save the chat as a script, under a name of your choice",
    "/stats": "show how fast the replies come and how full the prompt is",
    "/quit": "leave (as does Ctrl-D)",
}
_NAMES = tuple(usage.split()[0] for usage in COMMANDS)
_KEYS = "Alt-Enter begins a new line, Ctrl-C stops a reply, // begins a message with a slash."


async def chat(
    conversation: Conversation,
    model: ChatModel,
    console: Console,
    *,
    settings: ChatSettings,
    folder: Path,
    notice: str = "",
    history: Path | None = None,
    lines: Lines | None = None,
    notes: Console | None = None,
    count: Count | None = None,
) -> None:
    """Go on with `conversation` until the person leaves.

    Chats are saved in `folder`; `history` keeps what was typed. `notice` is the character's own, shown under ours.
    Replies are printed on `console`, everything else on `notes` (the same, if not given). `lines` default to the
    terminal or standard input, `count` to an estimate (see `Conversation.request_messages`).
    """
    lines = lines or open_lines(conversation.partner, history, _NAMES)
    await _Chat(conversation, model, console, settings, ChatFile(folder), lines, notes or console, count).run(notice)


class _Chat:
    def __init__(
        self,
        conversation: Conversation,
        model: ChatModel,
        console: Console,
        settings: ChatSettings,
        file: ChatFile,
        lines: Lines,
        notes: Console,
        count: Count | None,
    ) -> None:
        self.conversation = conversation
        self.model = model
        self.console = console
        self.settings = settings
        self.file = file
        self.lines = lines
        self.notes = notes
        self.count = count
        self.open = True
        self.attempt = 0  # how often the last message was answered before
        self.given = 0  # messages of the conversation that were in the last prompt
        self.forgetting = False  # whether the last prompt left messages out
        self.paces: list[Pace] = []
        self.commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "/help": self._help,
            "/retry": self._retry,
            "/reset": self._reset,
            "/scene": self._scene,
            "/save": self._save,
            "/stats": self._stats,
            "/quit": self._quit,
        }

    @property
    def name(self) -> str:
        return self.conversation.profile.name

    async def run(self, notice: str) -> None:
        self._note(f"{self.name} is an AI character: what it says is made up. /help lists the commands.")
        if notice:
            self._note(notice)
        self._show_scene()
        self._pause()
        while self.open:
            line = await self._read()
            if line is None:
                break
            if line.strip():
                await self._take(line.strip())
                self._pause()
        if self.file.path:
            self._note(f"Saved as {_short(self.file.path)}")

    async def _read(self) -> str | None:
        while True:
            try:
                return await self.lines.read()
            except KeyboardInterrupt:
                if not self.lines.interactive:
                    raise
                self._note("/quit or Ctrl-D leaves.")

    async def _take(self, line: str) -> None:
        """A message or a command."""
        try:
            if line.startswith("/") and not line.startswith("//"):
                await self._obey(line)
            else:
                await self._say(line.removeprefix("/") if line.startswith("//") else line)
        except RoletuneError as error:
            if not self.lines.interactive:
                raise
            self._note(" ".join(str(error).split()), style="red")
            if self.conversation.awaits_answer:
                self._note("Your message is kept: /retry asks again.")

    async def _obey(self, line: str) -> None:
        name, *rest = line.split(maxsplit=1)
        command = self.commands.get(name.casefold())
        if command:
            await command(rest[0] if rest else "")
            return
        near = get_close_matches(name.casefold(), _NAMES, n=1)
        hint = f"Did you mean {near[0]}?" if near else "/help lists the commands."
        self._note(f"There is no command {name}. {hint} A message may begin with a slash if you double it.")

    # -----------------------------------------------------------------------------------------------------------------
    # Turns

    async def _say(self, text: str) -> None:
        said = self.conversation.say(text)
        request = self._request(said)  # a message that does not fit is refused before it is part of the conversation
        self.conversation, self.attempt = said, 0
        await self._be_answered(said, request)

    async def _retry(self, _: str) -> None:
        again = self.conversation.retry()
        if not again.awaits_answer:
            self._note("Nothing has been said that could be answered again.")
            return
        self.attempt += 1
        await self._be_answered(again, self._request(again))

    def _request(self, conversation: Conversation) -> ChatRequest:
        messages = conversation.request_messages(self.settings.context_tokens, self.count)
        given, said = len(messages) - 1, len(conversation.messages)
        if given < said and not self.forgetting:
            self._note(f"The chat has outgrown the prompt: from now on {self.name} is given its latest messages only.")
        self.forgetting = given < said
        self.given = given
        return self.settings.request(messages, conversation.partner, self.attempt)

    async def _be_answered(self, conversation: Conversation, request: ChatRequest) -> None:
        delivery = await deliver(self.model, request, self.console, self.name)
        if delivery.text:
            self.paces.append(delivery.pace)
            self.conversation = conversation.answer(delivery.text)
            if self.settings.autosave:
                self.file.save(self.conversation)
        if delivery.stopped and not self.lines.interactive:
            raise KeyboardInterrupt
        if delivery.stopped:
            self._note("Stopped." if delivery.text else "Stopped before the first word. /retry asks again.")
        elif delivery.cut:
            self._note(f"Cut off at {self.settings.max_tokens} tokens (chat.max_tokens).")
        elif not delivery.text:
            self._note(f"{self.name} said nothing. /retry asks again.")

    # -----------------------------------------------------------------------------------------------------------------
    # Commands

    async def _help(self, _: str) -> None:
        table = Table.grid(padding=(0, 2))
        for usage, what in COMMANDS.items():
            table.add_row(Text(usage, "bold"), Text(what, "dim"))
        self.notes.print(table)
        if self.lines.interactive:
            self._note(_KEYS)

    async def _reset(self, _: str) -> None:
        self._change(self.conversation.reset())
        self._note("The scene begins again.")

    async def _scene(self, text: str) -> None:
        if text:
            place, bar, situation = text.partition("|")
            present = (self.name, self.conversation.partner)
            self._change(self.conversation.in_scene(chat_scene(*((place, situation) if bar else ("", text)), present)))
        self._show_scene()

    def _change(self, conversation: Conversation) -> None:
        """Another conversation, with a file of its own; what was said in this one stays saved."""
        if self.file.path:
            self._note(f"Saved as {_short(self.file.path)}")
        self.file.close()
        self.conversation, self.attempt, self.given = conversation, 0, 0

    async def _save(self, name: str) -> None:
        if not self.conversation.turns:
            self._note("Nothing has been said yet.")
            return
        self._note(f"Saved as {_short(self.file.save(self.conversation, name))}")

    async def _stats(self, _: str) -> None:
        if not self.paces:
            self._note("No reply yet.")
            return
        last = self.paces[-1]
        prompt = f"prompt of {last.prompt_tokens} tokens" if last.prompt_tokens else "prompt"
        self._note(f"last reply: {_figures([last])}")
        self._note(f"{len(self.paces)} replies: {_figures(self.paces)}")
        said = len(self.conversation.retry().messages)
        self._note(f"{prompt} with {self.given} of {said} messages; room for {self.settings.context_tokens} tokens")

    async def _quit(self, _: str) -> None:
        self.open = False

    # -----------------------------------------------------------------------------------------------------------------
    # Notes

    def _show_scene(self) -> None:
        scene = self.conversation.scene
        for label, text in (("Place", scene.location), ("Situation", scene.background)):
            if text:
                self._note(f"{label}: {text}")

    def _note(self, text: str, style: str = "dim") -> None:
        self.notes.print(Text(text, style))

    def _pause(self) -> None:
        """Room between what was said and the next prompt, if there is one."""
        if self.lines.interactive:
            self.notes.print()


def _figures(paces: list[Pace]) -> str:
    first = sum(pace.first for pace in paces) / len(paces)
    speeds = [pace.tokens_per_second for pace in paces if pace.tokens_per_second]
    speed = f", {sum(speeds) / len(speeds):.1f} tokens/s" if speeds else ""
    return f"first token after {first:.2f} s, {sum(pace.tokens for pace in paces)} tokens{speed}"


def _short(path: Path) -> str:
    """`path` from here if it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
