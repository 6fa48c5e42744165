"""How long the first token of an answer takes in a long chat: a trained character is told line after line.

    python benchmarks/chat.py examples/jarvis                    24 lines of 60 words, each after 5 seconds of "typing"
    python benchmarks/chat.py examples/jarvis --pause 0          without a pause: what is read ahead is waited for
    python benchmarks/chat.py examples/jarvis --json figures.json

The chat is that of `roletune chat`: same prompt, recall and reading ahead; nothing of it is saved or remembered. Told
apart are turns whose prompt holds the whole chat, and those after it has outgrown it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

WORDS = re.findall(
    r"\w+",
    """the reactor suit armour landing gear coffee calibrate telemetry pressure hangar workshop schedule flight core
    elevator window storm garage party senator hammer paint morning evening signal satellite house door guest music""",
)


@dataclass(frozen=True)
class Turn:
    """One answer: seconds to its first piece, tokens of its prompt, messages that the prompt left out."""

    first: float
    prompt_tokens: int
    left_out: int


async def talk(folder: Path, options: argparse.Namespace) -> list[Turn]:
    """Open the character, and tell it the lines."""
    from roletune.engine.progress import SilentProgress
    from roletune.inference.recall.memory_file import MemoryFile
    from roletune.project import Project
    from roletune.verbs.talk import open_cast

    chosen, turns = random.Random(options.seed), []
    async with open_cast([Project.open(folder)], SilentProgress()) as cast:
        (actor,) = cast.actors.values()
        with tempfile.TemporaryDirectory() as journal:
            actor.backstage = replace(actor.backstage, memory=MemoryFile(Path(journal) / "memory.sqlite"))
            actor.settings = actor.settings.model_copy(update={"max_tokens": options.answer})
            talk = cast.gathering.view(actor_name(cast))
            actor.warm(talk)
            await actor.settled()
            for _ in range(options.lines):
                await asyncio.sleep(options.pause)
                said = talk.say(" ".join(chosen.choices(WORDS, k=options.words)).capitalize() + ".")
                first, text = await answer(actor, said)
                assert actor.last
                assert actor.given
                turns.append(Turn(first, actor.last.prompt_tokens, actor.given.left_out))
                talk = said.answer(text)
                actor.answered(talk)
            await actor.close()
    return turns


def actor_name(cast: Any) -> str:
    """The only character's name."""
    (name,) = cast.actors
    return str(name)


async def answer(actor: Any, said: Any) -> tuple[float, str]:
    """Seconds to the first piece, and the whole."""
    started, first, pieces = time.perf_counter(), 0.0, []
    async for piece in actor.perform(said):
        first = first or time.perf_counter() - started
        pieces.append(piece)
    return first, "".join(pieces) or "..."


def told(turns: list[Turn]) -> str:
    """Medians and worst, before and after the chat has outgrown its prompt."""
    lines = []
    for label, some in (
        ("the whole chat in the prompt", [turn for turn in turns if not turn.left_out]),
        ("outgrown", [turn for turn in turns if turn.left_out]),
        ("all", turns),
    ):
        if some:
            firsts = [turn.first for turn in some]
            lines.append(f"{label}: first token median {statistics.median(firsts):.2f} s, most {max(firsts):.2f} s, ")
            lines[-1] += f"of {len(some)}; prompt median {statistics.median(turn.prompt_tokens for turn in some):.0f}"
    return "\n".join(lines)


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="a trained character")
    parser.add_argument("--lines", type=int, default=24)
    parser.add_argument("--words", type=int, default=60, help="of each line")
    parser.add_argument("--answer", type=int, default=60, help="tokens of an answer at most")
    parser.add_argument("--pause", type=float, default=5.0, help="seconds before each line")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    turns = asyncio.run(talk(options.folder, options))
    print(told(turns))
    if options.json:
        options.json.write_text(json.dumps([asdict(turn) for turn in turns], indent=1) + "\n")


if __name__ == "__main__":
    main()
