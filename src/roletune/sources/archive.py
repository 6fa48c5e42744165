"""Zip archives from strangers (EPUB, CHARX, bundles).

Guarantees: nothing is written to disk but into a file that the caller opened; an archive has at most MAX_ENTRIES
members; no member's name leads out of it, none is a link; a member gives at most the bytes it is asked for, whatever
its header says; all reads together stay under a budget.
"""

from __future__ import annotations

import hashlib
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from roletune.errors import SourceError

MAX_BYTES = 100_000_000
MAX_ENTRIES = 20_000
MAX_TOTAL = 200_000_000

_OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)")
_CENTRAL_HEADER = b"PK\x01\x02"
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # of the others, zipfile can't stop a bomb in mid-block
_BLOCK = 1 << 20
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)


@dataclass(frozen=True)
class Bounds:
    """The most bytes of an archive, and of all that is read of it; `cure` is for one that is over."""

    packed: int = MAX_BYTES
    total: int = MAX_TOTAL
    cure: str = "Take pictures and sound out of it"


TEXTS = Bounds()


class Archive:
    """The members of a zip; `what` names the format in errors ("EPUB"). Raises SourceError if it is no sound zip.

    A file is read where it is needed, so that large archives need not fit into memory; the caller closes it.
    """

    def __init__(self, data: bytes | BinaryIO, name: str, what: str, bounds: Bounds = TEXTS) -> None:
        self.name, self.what = name, what
        self._budget = bounds.total
        file = io.BytesIO(data) if isinstance(data, bytes) else data
        if file.seek(0, io.SEEK_END) > bounds.packed:
            raise self._error(f"is over {bounds.packed // 1_000_000} MB", bounds.cure)
        # zipfile reads the whole table of contents at once, so it is counted before: each member has this mark.
        if _marks(file) > MAX_ENTRIES:
            raise self._error(f"has over {MAX_ENTRIES:,} members", "Pack anew what belongs to the text")
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, OSError) as error:
            raise self._error(f"is damaged ({error})", "Download or export it again") from error
        self.listed = tuple(self._zip.namelist())  # as they stand there, one that occurs twice twice
        self.names = frozenset(self.listed)
        outside = next((member for member in self.names if _OUTSIDE.search(member)), None)
        if outside is not None:
            raise self._error(f"names a path outside of itself, {outside[:80]!r}", "Don't unpack it; get another copy")

    def read(self, member: str, limit: int) -> bytes:
        """The bytes of a member. Raises SourceError if it is missing, damaged, encrypted or over `limit` bytes."""
        return b"".join(self._blocks(member, limit))

    def copy(self, member: str, target: BinaryIO, limit: int) -> str:
        """Write a member into `target`, block by block; its SHA-256 in hex. Raises SourceError as `read` does."""
        digest = hashlib.sha256()
        for block in self._blocks(member, limit):
            digest.update(block)
            target.write(block)
        return digest.hexdigest()

    def is_packed(self, member: str) -> bool:
        """Whether a member unpacks to something else than the bytes that stand in the archive."""
        info = self._info(member)
        return info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size

    def _blocks(self, member: str, limit: int) -> Iterator[bytes]:
        info, limit = self._info(member), min(limit, self._budget)
        left = limit
        try:
            with self._zip.open(info) as file:
                while block := file.read(_BLOCK):
                    left -= len(block)
                    if left < 0:
                        raise self._error(
                            f"holds {member}, which unpacks to over {limit:,} bytes", "Cut it or leave it out"
                        )
                    self._budget -= len(block)
                    yield block
        except SourceError:
            raise
        except _FAULTS as error:
            raise self._error(f"is damaged at {member} ({error})", "Download or export it again") from error

    def _info(self, member: str) -> zipfile.ZipInfo:
        if member not in self.names:
            raise self._error(f"lacks {member[:200]}", f"Is it an {self.what}? Download or export it again")
        info = self._zip.getinfo(member)
        if info.flag_bits & 0x1:
            raise self._error("is encrypted", "Export it without a password")
        if info.compress_type not in _METHODS:
            raise self._error(f"packs {member} in an unusual way", "Pack it anew with an ordinary zip")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise self._error(f"holds {member} as a link", "Pack the file itself")
        return info

    def _error(self, fault: str, cure: str) -> SourceError:
        return SourceError(f"{self.name} ({self.what}) {fault}. {cure}.")


def _marks(file: BinaryIO) -> int:
    """How often the mark of a member stands in `file`, those across two blocks too; stops at what is too many."""
    file.seek(0)
    found, rest = 0, b""
    while found <= MAX_ENTRIES and (block := file.read(_BLOCK)):
        found += (rest + block).count(_CENTRAL_HEADER)
        rest = (rest + block)[-3:]  # one byte shorter than the mark: none is counted twice
    return found
