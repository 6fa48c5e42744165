"""Files that are whole or not there: JSON Lines of pydantic models, JSON and text.

Guarantees: a file is replaced in one step, so a reader sees the old one or the new one, also after a crash or on a full
disk. A line that a crash cut short at the end of a file is never an error, and never joined to the next one. Any other
bad line is reported with its file and number.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from roletune.errors import ResourceError, SourceError

M = TypeVar("M", bound=BaseModel)

_BOM = b"\xef\xbb\xbf"  # what some editors put in front of a file that is corrected by hand
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def read_records(path: Path, model: type[M]) -> list[M]:
    """Every line of a JSON Lines file as a `model`; empty lines and a torn last line are left out.

    Raises SourceError, with the line's number, for a line that is not a `model`, and for a file that can't be read.
    """
    lines = _read(path).removeprefix(_BOM).split(b"\n")
    records = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or (number == len(lines) and _is_torn(line)):
            continue
        try:
            records.append(model.model_validate_json(line))
        except ValidationError as error:
            raise SourceError(_bad_line(path, number, model, error)) from error
    return records


def write_records(path: Path, records: Iterable[BaseModel]) -> None:
    """Replace `path` by one line a record; nothing changes if that fails (ResourceError) or `records` raises."""
    with _replacing(path) as file:
        for record in records:
            file.write(_line(record))


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` in UTF-8, lines ending in a newline on every system."""
    with _replacing(path) as file:
        file.write(text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` by `data`."""
    with _replacing(path) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as indented JSON, a pydantic model by its fields."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    write_text(path, json.dumps(plain, ensure_ascii=False, indent=2) + "\n")


def append_record(path: Path, record: BaseModel) -> None:
    """Add one line to a journal and have it on the disk on return; one writer at a time (see `engine.lock`).

    A line that an earlier crash cut short is removed first. Raises ResourceError, and leaves the journal as it was.
    """
    line = _line(record)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _repair_end(path)
        # Unbuffered: one write, so that what did not fit is known here and not when the file is closed.
        with path.open("ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            try:
                _write_whole(file, line)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
    except OSError as error:
        raise _not_written(path, error) from error


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex; SourceError if it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _not_read(path, error) from error


def _line(record: BaseModel) -> bytes:
    return record.model_dump_json().encode() + b"\n"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _not_read(path, error) from error


def _not_read(path: Path, error: OSError) -> SourceError:
    return SourceError(f"{path} can't be read: {error.strerror}. Run the stage that makes it, or check the path.")


def _is_torn(line: bytes) -> bool:
    """Whether a last line without a newline is the beginning of a record, and not a mistake made by hand."""
    if not line.strip(b"\0"):  # what a file system may leave after a power cut
        return True
    text = line.decode("utf-8", errors="ignore")  # a character may be cut, too
    try:
        from_json(text)
    except ValueError:
        return _begins_json(text)
    return False


def _begins_json(text: str) -> bool:
    try:
        from_json(text, allow_partial=True)
    except ValueError:
        return False
    return True


def _bad_line(path: Path, number: int, model: type[BaseModel], error: ValidationError) -> str:
    details = [f"{'.'.join(map(str, one['loc'])) or 'line'}: {one['msg']}" for one in error.errors()[:3]]
    return (
        f"{path}:{number} is not a {model.__name__} ({'; '.join(details)}). "
        "Correct the line, or delete the file and make it again."
    )


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file beside `path` that takes its place when the block ends well, and is removed when it does not."""
    target = path.resolve()  # a link stays a link: what it points to is replaced
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise _not_written(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have the new name itself on the disk; Windows can't open a folder, and needs no such step."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_whole(file: Any, line: bytes) -> None:
    written = file.write(line)
    if written != len(line):  # the rest did not fit: a second write would say why, and the cure is the same
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _repair_end(path: Path) -> None:
    """Make a journal end with a newline: drop a torn last line, finish a whole one."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        last = file.read().rpartition(b"\n")[2]
        if not last:
            return
        if _is_torn(last):
            file.truncate(file.tell() - len(last))
        else:
            file.write(b"\n")


def _not_written(path: Path, error: OSError) -> ResourceError:
    cure = (
        "The disk (or your quota) is full: free some space and run the command again."
        if error.errno in _FULL
        else "Check that the folder exists and that you may write there."
    )
    return ResourceError(f"{path} can't be written: {error.strerror or error}. {cure}")
