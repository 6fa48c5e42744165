"""Text as users have it: UTF-8, or named for what it is.

`decode` is the one way from bytes to text for every format; a file that says by its byte order mark that it is UTF-16
or UTF-32 is believed.
"""

from __future__ import annotations

import codecs
import shlex
from itertools import accumulate
from pathlib import Path, PurePosixPath

from roletune.errors import SourceError

MAX_BYTES = 50_000_000
GUESSED_BYTES = 65_536  # naming an encoding takes seconds on megabytes, and a part tells as much

# UTF-32 before UTF-16: the mark of the one begins with the mark of the other.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path) -> str:
    """The text of a file (see `decode`), at most 50 MB of it.

    Raises SourceError for a missing file, a folder, one over 50 MB, and one in another encoding, which it names.
    """
    return decode(read_bytes(path), str(path))


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """What a file holds. Raises SourceError for a missing file, a folder, and one over `limit` bytes."""
    try:
        if path.stat().st_size > limit:
            raise SourceError(f"{path} is over {limit // 1_000_000} MB. Give the part that tells about the character.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist. Write it, or name another file in character.yaml.") from error
    except (OSError, IsADirectoryError) as error:
        raise SourceError(f"{path} can't be read: {error.strerror}. Name a text file that you may read.") from error


def decode(data: bytes, name: str) -> str:
    """`data` as text, with its lines ended as on Unix: UTF-8 with or without a byte order mark, UTF-16 and 32 with one.

    Raises SourceError for anything else, naming the encoding and a command that mends the file `name`.
    """
    try:
        text = data.decode(marked_encoding(data))
    except UnicodeDecodeError as error:
        raise _not_text(name, data) from error
    if "\0" in text:  # valid UTF-8, as UTF-16 of plain English and many binary files are, but no text
        raise _not_text(name, data)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def peek(head: bytes) -> str:
    """The beginning of a file as text, whatever it is: to look at, never to keep."""
    return head.decode(marked_encoding(head), errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def line_starts(data: bytes, name: str) -> tuple[int, ...]:
    """The offset of each line of `data` as text, and last that of its end."""
    lengths = (len(line) for line in decode(data, name).splitlines(keepends=True))
    return tuple(accumulate(lengths, initial=0))


def marked_encoding(data: bytes) -> str:
    """The encoding that a byte order mark names, UTF-8 without one."""
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8-sig")


def _not_text(name: str, data: bytes) -> SourceError:
    guess = _guess(data[:GUESSED_BYTES])
    if not guess:
        return SourceError(f"{name} is no text but binary data. Export it as plain text first.")
    file = shlex.quote(PurePosixPath(name).name)
    new = f"new{PurePosixPath(name).suffix}"
    cure = f"Save it as UTF-8: iconv -f {guess} -t utf-8 {file} > {new} && mv {new} {file}"
    return SourceError(f"{name} is not UTF-8 but looks like {guess}. {cure}")


def _guess(data: bytes) -> str:
    """The name of the encoding that `data` is most likely in, "" if it is no text."""
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    return best.encoding if best and "\0" not in str(best) else ""
