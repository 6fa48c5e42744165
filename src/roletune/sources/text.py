"""Text files as users have them: UTF-8, or named for what they are."""

from __future__ import annotations

from pathlib import Path

from roletune.errors import SourceError

MAX_BYTES = 50_000_000


def read_text(path: Path) -> str:
    """The text of a UTF-8 file (a byte order mark is fine).

    Raises SourceError for a missing file, one over 50 MB, and one in another encoding, which it names.
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
        raise SourceError(f"{path} can't be read: {error.strerror}.") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8 but looks like {_guess(raw)}. {_cure(path, raw)}") from error


def _guess(raw: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(raw).best()
    return best.encoding if best else "binary data"


def _cure(path: Path, raw: bytes) -> str:
    guess = _guess(raw)
    if guess == "binary data":
        return "Export it as plain text first."
    return f"Save it as UTF-8: iconv -f {guess} -t utf-8 {path.name} > new.md && mv new.md {path.name}"
