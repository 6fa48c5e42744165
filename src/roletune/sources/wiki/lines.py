"""The nodes of a wiki page -> lines of plain text that know their place in the page.

Links are their text; references, comments, tables, pictures and categories are left out; quotes and lists stay. With
`marks`, bold, italics and definition lists leave a mark (`wikitext_marks`): transcripts tell speakers by them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import mwparserfromhell
from mwparserfromhell.nodes import Argument, ExternalLink, Heading, HTMLEntity, Node, Tag, Template, Text, Wikilink
from mwparserfromhell.wikicode import Wikicode

from roletune.sources.wiki.marks import (
    BOLD,
    BOLD_END,
    DEFINITION,
    ITALIC,
    ITALIC_END,
    RULE,
    TERM,
    styled,
    unmarked,
)
from roletune.sources.wiki.names import names
from roletune.sources.wiki.shield import APOSTROPHE, BLANK, shield, unshield
from roletune.sources.wiki.templates import Arguments, dialogue_lines, is_disambiguation, is_infobox, shown

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*|simple")
_SPACES = re.compile("[ \t\xa0]+")
_MAGIC = re.compile(r"__[A-Z]{3,20}__")
_DROPPED = {"ref", "references", "table", "gallery", "imagemap", "timeline", "style", "script", "templatestyles"}
_DROPPED |= {"includeonly", "del", "s", "strike", "graph", "mapframe", "score", "categorytree", "inputbox", "infobox"}
_FLAT = {
    "div",
    "center",
    "section",
    "noinclude",
    "onlyinclude",
    "p",
    "blockquote",
    "tabber",
    "small",
    "big",
    "font",
    "span",
}
_MARKUP = {"*": "- ", "#": "- ", ":": DEFINITION, ";": TERM}
_MAX_FACT = 1000  # characters of one field: longer ones are prose


@dataclass(frozen=True)
class Line:
    """One line of a page: `start` and `end` are offsets into the wikitext, `level` is that of a heading, 0 for none."""

    text: str
    start: int
    end: int
    level: int = 0


@dataclass
class WikiLines:
    """A page as lines; `facts` are the fields of its boxes, `left_out` counts templates that nobody here knows."""

    lines: list[Line] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    categories: list[str] = field(default_factory=list)
    disambiguation: bool = False


def wiki_lines(
    text: str, *, files: Iterable[str] = (), categories: Iterable[str] = (), marks: bool = False
) -> WikiLines:
    """Read wikitext; `files` and `categories` are what the wiki calls those namespaces, in lower case."""
    # Apostrophes are read line by line, as MediaWiki does it: as nodes they double the time of the whole.
    code = mwparserfromhell.parse(shield(text), skip_style_tags=True)
    reader = _Reader(names("files") | set(files), names("categories") | set(categories), marks)
    reader.walk(code, 0)
    reader.close()
    return reader.page


class _Reader:
    """Walks the nodes; `parts` are the pieces of the line that is open, with the places they come from."""

    def __init__(self, files: frozenset[str], categories: frozenset[str], marks: bool) -> None:
        self.files, self.categories, self.marks = files, categories, marks
        self.page = WikiLines()
        self.parts: list[tuple[str, int, int]] = []
        self.prose = False  # whether the page has said anything yet: a box of facts comes before

    def walk(self, code: Wikicode, position: int) -> None:
        for node in code.nodes:
            source = str(node)
            if isinstance(node, Heading):
                self.close()
                title = unshield(unmarked(self.render(node.title)))
                self.page.lines.append(Line(title, position, position + len(source), node.level))
            elif isinstance(node, Tag) and not node.wiki_markup and _name(node) in _FLAT and node.contents is not None:
                inner = str(node.contents)
                self.walk(node.contents, position + max(0, source.find(inner)))
            else:
                self._place(node, source, position)
            position += len(source)

    def _place(self, node: Node, source: str, position: int) -> None:
        exact = isinstance(node, Text)
        done = position
        for number, piece in enumerate((source if exact else self.show(node)).split("\n")):
            if number:
                self.close()
            if exact:
                self._add(piece, done, done + len(piece))
                done += len(piece) + 1
            else:
                self._add(piece, position, position + len(source))

    def _add(self, text: str, start: int, end: int) -> None:
        if text:
            self.parts.append((text, start, end))
            self.prose = self.prose or bool(text.strip(f"{BLANK} \t"))

    def close(self) -> None:
        """End the line; one that holds nothing but space separates paragraphs."""
        full = [part for part in self.parts if not part[0].isspace()] or self.parts
        text = unshield(_MAGIC.sub("", styled("".join(text for text, _, _ in self.parts), self.marks)))
        text = _SPACES.sub(" ", text).strip()
        start, end = (full[0][1], full[-1][2]) if full else (0, 0)
        self.page.lines.append(Line(text, start, end))
        self.parts = []

    def render(self, code: Wikicode | None) -> str:
        """Nodes inside another one, as text."""
        return "" if code is None else "".join(self.show(node) for node in code.nodes)

    def show(self, node: Node) -> str:
        """One node as text, possibly of several lines."""
        if isinstance(node, Text):
            return str(node.value)
        if isinstance(node, Template):
            return self._template(node)
        if isinstance(node, Tag):
            return self._tag(node)
        if isinstance(node, Wikilink):
            return self._link(node)
        if isinstance(node, ExternalLink):
            return self.render(node.title) if node.brackets else str(node.url)
        if isinstance(node, HTMLEntity):
            return _entity(node)
        if isinstance(node, Argument):
            return self.render(node.default)
        return self.render(node.title) if isinstance(node, Heading) else ""

    def _tag(self, node: Tag) -> str:
        name, markup = _name(node), str(node.wiki_markup or "")
        if name == "table" and self.marks:
            return self._rows(node)
        if name in _DROPPED:
            return ""
        if name == "br":
            return "\n"
        if name == "hr":
            return f"\n{RULE}\n" if self.marks else "\n\n"
        if markup in _MARKUP:
            sign = _MARKUP[markup]
            return sign if self.marks or sign == "- " else ""
        inner = self.render(node.contents)
        if name in ("nowiki", "pre"):
            return inner.replace("'", APOSTROPHE)
        if not self.marks or not inner.strip():
            return inner
        if name in ("b", "strong"):
            return f"{BOLD}{inner}{BOLD_END}"
        return f"{ITALIC}{inner}{ITALIC_END}" if name in ("i", "em") else inner

    def _rows(self, table: Tag) -> str:
        """A table of two columns as `speaker: line`; any other table is no dialogue."""
        rows: list[list[str]] = [[]]
        for node in table.contents.nodes if table.contents else []:
            if isinstance(node, Tag) and _name(node) == "tr":
                cells = [cell for cell in (node.contents.nodes if node.contents else []) if isinstance(cell, Tag)]
                rows.append([self.render(cell.contents).strip() for cell in cells])
            elif isinstance(node, Tag) and _name(node) in ("td", "th"):
                rows[0].append(self.render(node.contents).strip())
        pairs = [row for row in rows if row]
        if not pairs or any(len(row) > 2 for row in pairs):
            return ""
        lines = [_cue(row[0], row[1]) if len(row) == 2 else _cue("", row[0]) for row in pairs]
        return "\n" + "\n".join(" ".join(line.split()) for line in lines) + "\n"

    def _link(self, node: Wikilink) -> str:
        title = str(node.title).strip()
        space, colon, rest = title.partition(":")
        space = space.strip().casefold()
        if colon and space in self.categories:
            self.page.categories.append(rest.strip())
            return ""
        if colon and (space in self.files or (_LANGUAGE.fullmatch(space) and node.text is None)):
            return ""
        if node.text is not None and str(node.text).strip():
            return self.render(node.text)
        plain = self.render(node.title).strip().removeprefix(":")
        return plain if node.text is None else re.sub(r"\s*+\([^()]*+\)$", "", plain.rpartition(":")[2])

    def _template(self, node: Template) -> str:
        name = str(node.name).strip()
        self.page.disambiguation = self.page.disambiguation or is_disambiguation(name)
        named = [str(parameter.name).strip() for parameter in node.params if parameter.showkey]
        if is_infobox(name) or (not self.prose and "\n" in str(node.name) and len(named) > 3):
            self._facts(node)
            return ""
        arguments = self._arguments(node)
        spoken = dialogue_lines(name, arguments) if self.marks else None
        if spoken is not None:
            return "\n" + "\n".join(_cue(who, _flat(said)) for who, said in spoken) + "\n"
        text = shown(name, arguments)
        if text is None:
            self.page.left_out[" ".join(name.split())] += 1
        return text or ""

    def _arguments(self, node: Template) -> Arguments:
        values = [(str(one.name).strip(), one.showkey, self.render(one.value).strip()) for one in node.params]
        named = {name.casefold(): value for name, shown, value in values if shown and not name.isdigit()}
        positional = {int(name): value for name, _, value in values if name.isdecimal() and len(name) < 4}
        last = max(positional, default=0)
        return Arguments(tuple(positional.get(number, "") for number in range(1, min(last, 200) + 1)), named)

    def _facts(self, node: Template) -> None:
        for parameter in node.params:
            key = " ".join(str(parameter.name).replace("_", " ").split()).casefold()
            rendered = self.render(parameter.value)
            items = [unshield(unmarked(line)).strip(" -*#:\t") for line in rendered.splitlines()]
            value = ", ".join(item for item in items if item)
            if value and len(value) <= _MAX_FACT and parameter.showkey and not _IS_LOOK.search(key):
                self.page.facts.setdefault(key, value)


_IS_LOOK = re.compile(
    r"image|caption|\balt\b|size|width|colou?r|logo|\bbox ?style|\bstyle\b|upright|float|picture|bild\b"
)


def _name(node: Tag) -> str:
    return str(node.tag).strip().casefold()


def _cue(who: str, said: str) -> str:
    who = unmarked(who).rstrip(": ")
    return f"{BOLD}{who}{BOLD_END}: {said}" if who else f"{ITALIC}{unmarked(said)}{ITALIC_END}"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _entity(node: HTMLEntity) -> str:
    try:
        return str(node.normalize()).replace("\n", " ")
    except (ValueError, OverflowError):  # a number that is no character
        return ""


def first_links(text: str) -> tuple[str, ...]:
    """The title of the first link in each item of a list."""
    titles: list[str] = []
    waiting = False
    for node in mwparserfromhell.parse(shield(text), skip_style_tags=True).nodes:
        if isinstance(node, Tag) and node.wiki_markup and str(node.wiki_markup) in "*#":
            waiting = True
        elif waiting and isinstance(node, Wikilink):
            titles.append(str(node.title).partition("#")[0].strip())
            waiting = False
    return tuple(dict.fromkeys(title for title in titles if title))
