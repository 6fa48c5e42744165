"""Zip archives from strangers (EPUB, CHARX), read in memory.

Guarantees: nothing is written to disk; an archive has at most MAX_ENTRIES members; no member's name leads out of it; a
member gives at most the bytes it is asked for, whatever its header says; all reads together stay under a budget.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib

from roletune.errors import SourceError

MAX_BYTES = 100_000_000
MAX_ENTRIES = 20_000
MAX_TOTAL = 200_000_000

_OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)")
_CENTRAL_HEADER = b"PK\x01\x02"
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # of the others, zipfile can't stop a bomb in mid-block


class Archive:
    """The members of a zip; `what` names the format in errors ("EPUB"). Raises SourceError if it is no sound zip."""

    def __init__(self, data: bytes, name: str, what: str) -> None:
        self.name, self.what = name, what
        self._budget = MAX_TOTAL
        if len(data) > MAX_BYTES:
            raise self._error(f"is over {MAX_BYTES // 1_000_000} MB", "Take pictures and sound out of it")
        # zipfile reads the whole table of contents at once, so it is counted before: each member has this mark.
        if data.count(_CENTRAL_HEADER) > MAX_ENTRIES:
            raise self._error(f"has over {MAX_ENTRIES:,} members", "Pack anew what belongs to the text")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, OSError) as error:
            raise self._error(f"is damaged ({error})", "Download or export it again") from error
        self.names = frozenset(self._zip.namelist())
        outside = next((member for member in self.names if _OUTSIDE.search(member)), None)
        if outside is not None:
            raise self._error(f"names a path outside of itself, {outside[:80]!r}", "Don't unpack it; get another copy")

    def read(self, member: str, limit: int) -> bytes:
        """The bytes of a member. Raises SourceError if it is missing, damaged, encrypted or over `limit` bytes."""
        info = self._info(member)
        limit = min(limit, self._budget)
        try:
            with self._zip.open(info) as file:
                data = file.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
            raise self._error(f"is damaged at {member} ({error})", "Download or export it again") from error
        if len(data) > limit:
            raise self._error(f"holds {member}, which unpacks to over {limit:,} bytes", "Cut it or leave it out")
        self._budget -= len(data)
        return data

    def _info(self, member: str) -> zipfile.ZipInfo:
        if member not in self.names:
            raise self._error(f"lacks {member[:200]}", f"Is it an {self.what}? Download or export it again")
        info = self._zip.getinfo(member)
        if info.flag_bits & 0x1:
            raise self._error("is encrypted", "Export it without a password")
        if info.compress_type not in _METHODS:
            raise self._error(f"packs {member} in an unusual way", "Pack it anew with an ordinary zip")
        return info

    def _error(self, fault: str, cure: str) -> SourceError:
        return SourceError(f"{self.name} ({self.what}) {fault}. {cure}.")
