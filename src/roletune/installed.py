"""Where characters that were installed are, so that they are found by name from anywhere.

Guarantees: a name never leads out of the folder; a folder of the same name in the current directory wins; what is not
whole (its name begins with a dot) is never found. `$ROLETUNE_DATA` names another folder; otherwise it is
`$XDG_DATA_HOME/roletune/characters`, or the platform's like.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import platformdirs

VARIABLE = "ROLETUNE_DATA"
MARK = "character.yaml"
_NAME = re.compile(r"[\w-][\w.-]{0,63}")


def characters_folder() -> Path:
    """The folder of all installed characters; it may not exist yet."""
    chosen = os.environ.get(VARIABLE, "")
    data = Path(chosen).expanduser().absolute() if chosen else platformdirs.user_data_path("roletune", appauthor=False)
    return data / "characters"


def is_name(text: str) -> bool:
    """Whether a character may be installed under this name."""
    return _NAME.fullmatch(text) is not None


def installed_folder(name: str | Path) -> Path | None:
    """The folder of the character that is installed under `name`, in whatever case; None if there is none."""
    wanted = str(name).casefold()
    if not is_name(wanted):
        return None
    folder = characters_folder() / wanted
    return folder if (folder / MARK).is_file() else None


def located(folder: Path) -> Path:
    """`folder` if it is a character's, else that of the one that is installed under this name, if there is one."""
    return folder if (folder / MARK).is_file() else installed_folder(folder) or folder


def installed_names() -> list[str]:
    """Every installed character."""
    return sorted(path.parent.name for path in characters_folder().glob(f"*/{MARK}") if is_name(path.parent.name))
