"""What a line with a slash does in the terminal chat: one function a command, and the table that names them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from roletune.errors import ProjectError
from roletune.inference.conversation import chat_scene
from roletune.inference.delivery import Pace
from roletune.inference.recall.memory import statements
from roletune.inference.recall.memory_file import MemoryFile

if TYPE_CHECKING:
    from roletune.inference.chat import Chat
    from roletune.inference.gathering import Gathering

_KEYS = "Alt-Enter begins a new line, Ctrl-C stops a reply, // begins a message with a slash."
_SHOWN = 160  # characters of a passage or a row


@dataclass(frozen=True)
class Command:
    """`usage` is what follows the name."""

    usage: str
    help: str
    run: Callable[[Chat, str], Awaitable[None]]


async def _help(chat: Chat, _: str) -> None:
    table = Table.grid(padding=(0, 2))
    for name, command in COMMANDS.items():
        table.add_row(Text(f"{name} {command.usage}".strip(), "bold"), Text(command.help, "dim"))
    chat.notes.print(table)
    if chat.lines.interactive:
        chat.note(_KEYS)


async def _retry(chat: Chat, _: str) -> None:
    before = chat.gathering.unanswered()
    if not any(turn.speaker == before.person for turn in before.turns):
        chat.note("Nothing has been said that could be answered again.")
        return
    speakers = (chat.speaker,) if before != chat.gathering else chat.gathering.next_characters()
    for speaker in speakers[:1]:
        await chat.be_answered(speaker, again=True)


async def _swipe(chat: Chat, text: str) -> None:
    answers = chat.answers
    if text.strip().isdigit() and 1 <= int(text) <= len(answers):
        chat.gathering = chat.gathering.unanswered().answer(chat.speaker, answers[int(text) - 1])
        chat.keep()
        chat.note(f"{chat.speaker} › {answers[int(text) - 1]}")
        return
    for number, answer in enumerate(answers, 1):
        chat.note(f"{number}: {_short(answer)}")
    chat.note("/swipe NUMBER goes back to one of them, /retry makes another." if answers else "No reply yet.")


async def _edit(chat: Chat, text: str) -> None:
    name, colon, words = text.partition(":")
    if colon and name.strip() == chat.speaker and words.strip():
        before = chat.gathering.unanswered()
        if before == chat.gathering:
            raise ProjectError(f"{chat.speaker} has not answered yet.")
        chat.gathering = before.answer(chat.speaker, words)
        chat.keep()
        chat.note(f"{chat.speaker} said that instead.")
    elif text.strip() and chat.gathering.unsaid() != chat.gathering:
        await chat.say(chat.gathering.unsaid().say(text))
    else:
        chat.note(f"Write what you say instead, or `/edit {chat.speaker}: ` and what it should have said.")


async def _reset(chat: Chat, _: str) -> None:
    chat.change(chat.gathering.in_scene(chat.gathering.scene))
    chat.note("The scene begins again.")


async def _scene(chat: Chat, text: str) -> None:
    if text:
        place, bar, situation = text.partition("|")
        present = (*chat.gathering.names, chat.gathering.person)
        scene = chat_scene(*((place, situation) if bar else ("", text)), present=present)
        chat.change(chat.gathering.in_scene(scene))
    chat.show_scene()


async def _history(chat: Chat, _: str) -> None:
    chat.show_turns(chat.gathering.turns)


async def _who(chat: Chat, _: str) -> None:
    chat.note(f"{chat.gathering.person} (you)")
    for name in chat.gathering.names:
        actor, here = chat.actors[name], "" if name in chat.gathering.present else ", away"
        chat.note(f"{name}: {actor.model.name}, strength {actor.strength:g}{here}")
    director = chat.director
    if director and chat.gathering.narrator:
        chat.note(f"{chat.gathering.narrator}: {director.model.name}, no adapter")
    if director and director.chooses:
        unread = f", {len(director.unread)} answers named nobody and the rule decided" if director.unread else ""
        chat.note(f"Next speakers are chosen by {director.model.name}: {director.asked} asked{unread}")


async def _why(chat: Chat, _: str) -> None:
    why = chat.actor.why(chat.gathering.view(chat.speaker))
    chat.note(f"prompt of {why.prompt_tokens} tokens, strength {why.strength:g}, {why.left_out} messages left out")
    for note in why.notes:
        chat.note(f"told ({note.kind}, {note.source}): {_short(note.text)}")
    for passage in why.passages:
        chat.note(f"alike in {passage.source} ({passage.id}): {_short(passage.text)}")
    for row in why.rows:
        chat.note(f"alike among what was trained on ({row.id}): {_short(row.answered)}")


async def _strength(chat: Chat, text: str) -> None:
    if text.strip():
        try:
            wanted = float(text)
        except ValueError as error:
            raise ProjectError(f"{text!r} is no number. Try: /strength 0.7 (0: base model, 1: as trained).") from error
        chat.actor.strength = wanted
    chat.note(f"{chat.speaker}: strength {chat.actor.strength:g}")


async def _thoughts(chat: Chat, text: str) -> None:
    shown = {"on": True, "off": False}.get(text.strip().casefold(), not chat.actor.settings.thoughts)
    for actor in chat.actors.values():
        actor.settings = actor.settings.model_copy(update={"thoughts": shown})
    chat.note(f"Thoughts are {'shown' if shown else 'hidden'}.")


async def _memory(chat: Chat, text: str) -> None:
    memory = _memories(chat)
    if text.strip():
        memory.remember(chat.gathering.person, text, "noted")
    for one in memory.all(chat.gathering.person):
        chat.note(f"{one.id}: {one.text}")
    if not memory.all(chat.gathering.person):
        chat.note(f"{chat.speaker} remembers nothing of {chat.gathering.person}. /memory TEXT makes it remember.")


async def _forget(chat: Chat, text: str) -> None:
    memory, person = _memories(chat), chat.gathering.person
    found = memory.find(person, text)
    memory.forget(found)
    # The same words in the chat itself are not recalled either, once they no longer fit the prompt.
    words = text.casefold().split()
    said = [one for turn in chat.gathering.turns if turn.speaker == person for one in statements(turn.text)]
    alike = [one for one in said if words and not text.isdigit() and all(word in one.casefold() for word in words)]
    for one in alike:
        memory.forget_words(person, one)
    number = len({*(one.text for one in found), *alike})
    chat.note(f"Forgotten: {number}." if number else "Nothing is remembered in these words. /memory shows what is.")


def _memories(chat: Chat) -> MemoryFile:
    memory = chat.actor.backstage.memory
    if memory is None or not chat.actor.settings.memory.enabled:
        raise ProjectError("Memory is switched off (chat.memory.enabled).")
    return memory


async def _next(chat: Chat, text: str) -> None:
    narrator = chat.gathering.narrator
    if narrator and text.strip().casefold() == narrator.casefold():
        await chat.narrate()
        return
    names = (chat.gathering.named(text),) if text.strip() else await chat.next_speakers()
    if not names or names[0] not in (*chat.gathering.present, narrator):
        raise ProjectError("Nobody can speak next: whoever is here spoke last.")
    await chat.go_on(names[0])


async def _enter(chat: Chat, text: str) -> None:
    _moved(chat, chat.gathering.enter(chat.gathering.named(text)))


async def _leave(chat: Chat, text: str) -> None:
    _moved(chat, chat.gathering.leave(chat.gathering.named(text)))


def _moved(chat: Chat, after: Gathering) -> None:
    chat.show_turns(after.turns[len(chat.gathering.turns) :])
    chat.gathering = after


async def _whisper(chat: Chat, text: str) -> None:
    name, _, words = text.partition(" ")
    to = chat.gathering.named(name)
    if to not in chat.gathering.present or not words.strip():
        raise ProjectError(f"Write /whisper {to} and what only {to} hears; it has to be here.")
    await chat.say(chat.gathering.say(words, to=[to]))


async def _narrate(chat: Chat, text: str) -> None:
    if text.strip():
        chat.gathering = chat.gathering.happens(text)
        chat.keep()
    elif chat.gathering.narrator:
        await chat.narrate()
    else:
        raise ProjectError(
            "Write /narrate and what happens, or have a model tell it: --narrator (chat.group.narrator)."
        )


async def _save(chat: Chat, name: str) -> None:
    if not chat.gathering.turns:
        chat.note("Nothing has been said yet.")
        return
    chat.note(f"Saved as {short(chat.file.save(chat.gathering, name))}")


async def _stats(chat: Chat, _: str) -> None:
    if not chat.paces:
        chat.note("No reply yet.")
        return
    last, given = chat.paces[-1], chat.actor.given
    prompt = f"prompt of {last.prompt_tokens} tokens" if last.prompt_tokens else "prompt"
    chat.note(f"last reply: {_figures([last])}")
    chat.note(f"{len(chat.paces)} replies: {_figures(chat.paces)}")
    said = len(given.messages) - 1 + given.left_out if given else 0
    held = said - given.left_out if given else 0
    chat.note(f"{prompt} with {held} of {said} messages; room for {chat.actor.settings.context_tokens} tokens")


async def _quit(chat: Chat, _: str) -> None:
    chat.open = False


def short(path: Path) -> str:
    """`path` from here if it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _figures(paces: list[Pace]) -> str:
    first = sum(pace.first for pace in paces) / len(paces)
    speeds = [pace.tokens_per_second for pace in paces if pace.tokens_per_second]
    speed = f", {sum(speeds) / len(speeds):.1f} tokens/s" if speeds else ""
    return f"first token after {first:.2f} s, {sum(pace.tokens for pace in paces)} tokens{speed}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


COMMANDS = {
    "/help": Command("", "show this list", _help),
    "/retry": Command("", "have the last message answered again", _retry),
    "/swipe": Command("[NUMBER]", "show all answers to it, or go back to one", _swipe),
    "/edit": Command("TEXT", "say something else instead; NAME: TEXT changes the answer", _edit),
    "/reset": Command("", "begin the scene again", _reset),
    "/scene": Command("[PLACE |] SITUATION", "begin another scene; without words, show the present one", _scene),
    "/history": Command("", "show what was said", _history),
    "/who": Command("", "show who is here, and who plays them", _who),
    "/why": Command("", "show what lies behind the last answer", _why),
    "/strength": Command("[NUMBER]", "scale the adapter: 0 is the base model, 1 as trained", _strength),
    "/thoughts": Command("[on|off]", "show or hide what is thought and not said", _thoughts),
    "/memory": Command("[TEXT]", "show what is remembered of you, or have something remembered", _memory),
    "/forget": Command("NUMBER|WORDS|all", "forget it", _forget),
    "/next": Command("[NAME]", "let the next character speak, or this one, or the narrator", _next),
    "/whisper": Command("NAME TEXT", "say it to one character only", _whisper),
    "/leave": Command("NAME", "a character goes, and perceives nothing more", _leave),
    "/enter": Command("NAME", "a character comes back", _enter),
    "/narrate": Command(
        "[TEXT]", "something happens that everybody here perceives; without words, the narrator tells it", _narrate
    ),
    "/save": Command("[NAME]", "save the chat as a script, under a name of your choice", _save),
    "/stats": Command("", "show how fast the replies come and how full the prompt is", _stats),
    "/quit": Command("", "leave (as does Ctrl-D)", _quit),
}
