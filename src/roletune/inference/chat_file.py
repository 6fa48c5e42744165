"""Where a chat is kept: one script file a conversation, written anew after every answer, no other file overwritten.

Of a scene with several a record lies beside its script: a script does not say who perceived what happened, and whoever
goes on with the scene must not learn it by that.
"""

from __future__ import annotations

from datetime import datetime
from itertools import chain, count
from pathlib import Path

from roletune.engine.store import write_json, write_text
from roletune.inference.gathering import Gathering
from roletune.inference.transcript import Talk, file_name, render_conversation


class ChatFile:
    """The file of the conversation that is going on, in `folder`; `path` is None until it is first written."""

    def __init__(self, folder: Path) -> None:
        self.path: Path | None = None
        self._folder = folder
        self._named = False

    def save(self, conversation: Talk, name: str = "") -> Path:
        """Write the conversation, under `name` from now on; without one under the last, or the scene's title.

        `name` can't lead out of the folder. Raises ResourceError if the file can't be written.
        """
        before = self.path
        path = self._choose(conversation, name)
        write_text(path, render_conversation(conversation))
        if isinstance(conversation, Gathering) and len(conversation.members) > 1:
            write_json(path.with_suffix(".json"), conversation.record)
        if before and path != before and not self._named:
            for moved in (before, before.with_suffix(".json")):  # nobody chose that name: the file has only moved
                moved.unlink(missing_ok=True)
        self.path = path
        self._named = self._named or bool(name)
        return path

    def close(self) -> None:
        """The next conversation gets a file of its own."""
        self.path, self._named = None, False

    def _choose(self, conversation: Talk, name: str) -> Path:
        if self.path and (not name or self.path.stem == file_name(name)):
            return self.path
        automatic = f"{datetime.now():%Y-%m-%d-%H%M}-{file_name(conversation.scene.title)}"
        return _free(self._folder, file_name(name) if name else automatic)


def _free(folder: Path, name: str) -> Path:
    """`folder/NAME.md`, or with the first number that makes it a new file."""
    numbered = (folder / f"{name}-{number}.md" for number in count(2))
    return next(path for path in chain([folder / f"{name}.md"], numbered) if not path.exists())
