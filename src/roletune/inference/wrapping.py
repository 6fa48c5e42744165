"""Text that comes in pieces, broken into lines between words as it is printed."""

from __future__ import annotations

from rich.cells import cell_len


class LiveWrap:
    """Breaks a stream into lines of `width` columns; all but the first begin after `indent` columns.

    `column` is where the first line begins. A word is held back until it is whole; wide (East Asian) characters are
    not: lines may break between them. White space before the first word and after the last is left out.
    """

    def __init__(self, width: int, column: int = 0, indent: int = 0) -> None:
        self._width = width
        self._column = column
        self._indent = indent
        self._begun = False
        self._gap = ""
        self._word = ""

    def feed(self, piece: str) -> str:
        """What is to be printed now."""
        return "".join(self._take(char) for char in piece)

    def end(self) -> str:
        """The word that was held back."""
        return self._flush()

    def _take(self, char: str) -> str:
        if char.isspace():
            text = self._flush()
            self._gap += char
            return text
        self._word += char
        return self._flush() if cell_len(char) > 1 else ""

    def _flush(self) -> str:
        word, gap = self._word, self._gap if self._begun else ""
        if not word:
            return ""
        self._word, self._gap, self._begun = "", "", True
        breaks = gap.count("\n")
        room = self._width - self._column
        if not breaks and cell_len(gap + word) > room and self._column > self._indent:
            breaks = 1
        if breaks:
            gap = "\n" * breaks + " " * self._indent
            self._column = self._indent
        else:
            self._column += len(gap)
        self._column += cell_len(word)
        return gap + word
