"""Text chunks of PNG files: where character cards live.

Chunks are cut and joined, pixels are never decoded: all other chunks, their order and what follows the image stay as
they are. Every length is checked against the file, every checksum of a chunk that is used, and text unpacks to at most
MAX_TEXT bytes. Format: PNG (third edition), 11.3.3 "Textual information"; keywords compare in any case, as front ends
compare them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from roletune.errors import SourceError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_BYTES = 100_000_000
MAX_CHUNKS = 200_000
MAX_TEXT = 48_000_000  # base64 of the largest JSON that is read

_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_CURE = "Download or export it again"


@dataclass(frozen=True)
class _Chunk:
    kind: bytes
    body: memoryview
    whole: memoryview  # with length and checksum

    @property
    def keyword(self) -> str:
        """In lower case; "" for a chunk without text. A keyword has at most 79 bytes."""
        if self.kind not in _TEXTS:
            return ""
        keyword, zero, _ = bytes(self.body[:80]).partition(b"\0")
        return keyword.decode("latin-1").lower() if zero else ""

    def sound(self) -> bool:
        return zlib.crc32(self.whole[4:-4]) == int.from_bytes(self.whole[-4:], "big")


def read_texts(png: bytes, keywords: Collection[str], name: str) -> dict[str, bytes]:
    """The first text under each of `keywords` (in lower case) that the file has, unpacked.

    Raises SourceError for what is no PNG, is cut off, has a wrong checksum there, or unpacks to too much.
    """
    found: dict[str, bytes] = {}
    for chunk in _chunks(png, name):
        keyword = chunk.keyword
        if keyword in keywords and keyword not in found:
            if not chunk.sound():
                raise SourceError(f"{name} is damaged: the checksum of its text {keyword!r} is wrong. {_CURE}.")
            found[keyword] = _text(chunk, name)
    return found


def write_texts(png: bytes, texts: Mapping[str, bytes], name: str) -> bytes:
    """The same picture with `texts` (Latin-1, by keyword) as tEXt chunks before its end, in place of older ones."""
    parts: list[bytes | memoryview] = [SIGNATURE]
    written = {keyword.lower() for keyword in texts}
    size = len(SIGNATURE)
    for chunk in _chunks(png, name):
        size += len(chunk.whole)
        if chunk.kind == b"IEND":
            parts += [make_chunk(b"tEXt", keyword.encode() + b"\0" + text) for keyword, text in texts.items()]
        if chunk.keyword not in written:
            parts.append(chunk.whole)
    parts.append(memoryview(png)[size:])  # some tools hang an archive behind the image
    return b"".join(parts)


def make_chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def plain_picture(width: int = 400, height: int = 600, grey: int = 0x60) -> bytes:
    """A PNG of one shade of grey, for a card without a portrait."""
    return picture(width, height, [bytes([grey]) * width] * height, channels=1)


def picture(width: int, height: int, rows: Sequence[bytes], *, channels: Literal[1, 3]) -> bytes:
    """A PNG of 8 bits a channel from `height` rows of `width` x `channels` bytes: shades of grey, or RGB."""
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels], 0, 0, 0)
    pixels = b"".join(b"\0" + row for row in rows)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
    return SIGNATURE + b"".join(make_chunk(kind, body) for kind, body in chunks)


def _chunks(png: bytes, name: str) -> Iterator[_Chunk]:
    """Every chunk up to and with IEND."""
    if not png.startswith(SIGNATURE):
        raise SourceError(f"{name} is no PNG. Convert the picture: magick {name} portrait.png")
    if len(png) > MAX_BYTES:
        raise SourceError(f"{name} is over {MAX_BYTES // 1_000_000} MB. Make the picture smaller, keep its metadata.")
    view = memoryview(png)
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(png):
            raise SourceError(f"{name} is cut off: the PNG has no end. {_CURE}.")
        length = int.from_bytes(view[at : at + 4], "big")
        end = at + 12 + length
        if end > len(png):
            raise SourceError(f"{name} is cut off: a chunk claims {length:,} bytes. {_CURE}.")
        chunk = _Chunk(bytes(view[at + 4 : at + 8]), view[at + 8 : end - 4], view[at:end])
        yield chunk
        if chunk.kind == b"IEND":
            return
        at = end
    raise SourceError(f"{name} has over {MAX_CHUNKS:,} chunks. Save the picture anew in an image editor.")


def _text(chunk: _Chunk, name: str) -> bytes:
    _, _, text = bytes(chunk.body).partition(b"\0")
    packed = chunk.kind == b"zTXt"
    if packed:
        text = text[1:]  # the method, of which there is one
    elif chunk.kind == b"iTXt":
        packed = text[:1] == b"\1"
        text = text[2:].partition(b"\0")[2].partition(b"\0")[2]  # language and translated keyword
    if packed:
        text = _unpack(text, name)
    if len(text) > MAX_TEXT:
        raise _too_much(name)
    return text


def _unpack(text: bytes, name: str) -> bytes:
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(text, MAX_TEXT)
    except zlib.error as error:
        raise SourceError(f"{name} is damaged: its text can't be unpacked ({error}). {_CURE}.") from error
    if stream.unconsumed_tail:
        raise _too_much(name)
    if not stream.eof:
        raise SourceError(f"{name} is damaged: its text is cut off. {_CURE}.")
    return unpacked


def _too_much(name: str) -> SourceError:
    return SourceError(f"{name} holds a text of over {MAX_TEXT // 1_000_000} MB. No card needs it; get another copy.")
