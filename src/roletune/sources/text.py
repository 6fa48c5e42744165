"""Text files as users have them: UTF-8, or named for what they are."""

from __future__ import annotations

import shlex
from pathlib import Path

from roletune.errors import SourceError

MAX_BYTES = 50_000_000


def read_text(path: Path) -> str:
    """The text of a UTF-8 file (a byte order mark is fine), with its lines ended as on Unix.

    Raises SourceError for a missing file, a folder, one over 50 MB, and one in another encoding, which it names.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(
                f"{path} is over {MAX_BYTES // 1_000_000} MB. Give the part that tells about the character."
            )
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist. Write it, or name another file in character.yaml.") from error
    except (OSError, IsADirectoryError) as error:
        raise SourceError(f"{path} can't be read: {error.strerror}. Name a text file that you may read.") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_text(path, raw) from error
    if "\0" in text:  # valid UTF-8, as UTF-16 of plain English and many binary files are, but no text
        raise _not_text(path, raw)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _not_text(path: Path, raw: bytes) -> SourceError:
    guess = _guess(raw)
    if not guess:
        return SourceError(f"{path} is no text but binary data. Export it as plain text first.")
    name = shlex.quote(path.name)
    cure = f"Save it as UTF-8: iconv -f {guess} -t utf-8 {name} > new.md && mv new.md {name}"
    return SourceError(f"{path} is not UTF-8 but looks like {guess}. {cure}")


def _guess(raw: bytes) -> str:
    """The name of the encoding that `raw` is most likely in, "" if it is no text."""
    from charset_normalizer import from_bytes

    best = from_bytes(raw).best()
    return best.encoding if best and "\0" not in str(best) else ""
