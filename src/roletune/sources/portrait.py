"""A drawn portrait for a character without one: its initials before a figure, in colours of its name.

The same name gives the same bytes. Drawn here, so it is nobody's picture and needs no drawing library; a name in
another script than Latin gets the figure alone. Format: PNG, 8 bits a channel, RGB.
"""

from __future__ import annotations

import colorsys
import hashlib
import re
import unicodedata

from roletune.sources.cards.png import picture

WIDTH, HEIGHT = 400, 600
_DOT = 14  # pixels of one dot of a letter
_MOST_LETTERS = 3
# Letters of 5 x 7 dots, row by row, five bits each with the leftmost dot first.
_LETTERS = {
    "A": "0e11111f111111",
    "B": "1e11111e11111e",
    "C": "0e11101010110e",
    "D": "1e11111111111e",
    "E": "1f10101e10101f",
    "F": "1f10101e101010",
    "G": "0e11101711110f",
    "H": "1111111f111111",
    "I": "0e04040404040e",
    "J": "0702020202120c",
    "K": "11121418141211",
    "L": "1010101010101f",
    "M": "111b1515111111",
    "N": "11191513111111",
    "O": "0e11111111110e",
    "P": "1e11111e101010",
    "Q": "0e11111115120d",
    "R": "1e11111e141211",
    "S": "0f10100e01011e",
    "T": "1f040404040404",
    "U": "1111111111110e",
    "V": "11111111110a04",
    "W": "11111115151b11",
    "X": "11110a040a1111",
    "Y": "11110a04040404",
    "Z": "1f01020408101f",
}
Colour = tuple[int, int, int]


def draw_portrait(name: str) -> bytes:
    """A PNG of WIDTH x HEIGHT pixels."""
    hue = hashlib.sha256(name.encode()).digest()[0] / 256
    top, bottom = _colour(hue, 0.30, 0.55), _colour(hue + 0.08, 0.12, 0.55)
    figure, light = _colour(hue + 0.04, 0.22, 0.35), _colour(hue, 0.92, 0.5)
    dots = _dots(initials(name))
    rows = []
    for y in range(HEIGHT):
        row = bytearray(bytes(_between(top, bottom, y / HEIGHT)) * WIDTH)
        for start, end in (_head(y), _shoulders(y)):
            row[3 * start : 3 * end] = bytes(figure) * (end - start)
        for start, end in dots.get(y, ()):
            row[3 * start : 3 * end] = bytes(light) * (end - start)
        rows.append(bytes(row))
    return picture(WIDTH, HEIGHT, rows, channels=3)


def initials(name: str) -> str:
    """Up to three capitals: of each word the first, of one word in capitals with dots each; "" in another script."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[A-Za-z]+", plain)
    return "".join(word[0] for word in words)[:_MOST_LETTERS].upper()


def _dots(letters: str) -> dict[int, list[tuple[int, int]]]:
    """Row of pixels -> spans of the letters' dots, in the middle of the shoulders."""
    left = (WIDTH - (6 * len(letters) - 1) * _DOT) // 2
    top = HEIGHT - 11 * _DOT
    found: dict[int, list[tuple[int, int]]] = {}
    for place, letter in enumerate(letters):
        for line, bits in enumerate(bytes.fromhex(_LETTERS[letter])):
            for column in range(5):
                if bits >> (4 - column) & 1:
                    start = left + (6 * place + column) * _DOT
                    for y in range(top + line * _DOT, top + (line + 1) * _DOT - 2):
                        found.setdefault(y, []).append((start, start + _DOT - 2))
    return found


def _head(y: int) -> tuple[int, int]:
    return _ellipse(y, middle=230, across=85, down=105)


def _shoulders(y: int) -> tuple[int, int]:
    return _ellipse(y, middle=HEIGHT, across=190, down=235)


def _ellipse(y: int, *, middle: int, across: int, down: int) -> tuple[int, int]:
    inside = 1 - ((y - middle) / down) ** 2
    half = round(across * inside**0.5) if inside > 0 else 0
    return WIDTH // 2 - half, WIDTH // 2 + half


def _colour(hue: float, lightness: float, saturation: float) -> Colour:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return round(255 * red), round(255 * green), round(255 * blue)


def _between(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
