"""How a user names a page of a wiki -> the wiki and the page.

wiki:Ada Lovelace               the English Wikipedia          wiki:de:Ada Lovelace     another language
fandom:starwars/Yoda            a wiki on Fandom               fandom:starwars/de/Yoda  another language
https://wiki.example.org/wiki/Ada                              any page of a MediaWiki, also ?title=, ?oldid=, ?curid=
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from roletune.errors import SourceError

_LANGUAGE = re.compile(r"(?:[a-z]{2,3}(?:-[a-z]+){0,2}|simple):(?P<page>.+)")
_FANDOM = re.compile(r"(?P<wiki>[a-z0-9][a-z0-9-]*)/(?:(?P<language>[a-z]{2,3}(?:-[a-z]+)?)/)?(?P<page>.+)", re.I)
_WIKIMEDIA = re.compile(
    r"(?:[a-z0-9-]+\.)*(?:wiki(?:pedia|quote|source|books|versity|voyage|news|media)|wiktionary)\.org", re.I
)
_EXAMPLE = "Name it like wiki:Ada Lovelace, wiki:de:Ada Lovelace, fandom:starwars/Yoda, or by its full address."


@dataclass(frozen=True)
class PageAddress:
    """A page of a wiki. `path` is where its api.php is, ending in "/"; None if that has to be asked for."""

    scheme: str
    host: str
    path: str | None
    key: Literal["titles", "revids", "pageids"]
    value: str
    url: str = ""  # as given; "" where the address was short
    again: str = ""  # the beginning of a short address: what to put a title behind

    def near(self, title: str) -> str:
        """How to name another page of the same wiki."""
        if self.again:
            return f"{self.again}{title}"
        before = f"{self.scheme}://{self.host}{self.path or '/'}"
        return f"{before}index.php?title={title.replace(' ', '_')}"


def parse_address(address: str) -> PageAddress:
    """Read an address. Raises SourceError, telling the forms there are, for anything else."""
    scheme, _, rest = address.strip().partition(":")
    if scheme.casefold() == "wiki" and rest.strip():
        return _wikipedia(rest.strip())
    fandom = _FANDOM.fullmatch(rest.strip()) if scheme.casefold() == "fandom" else None
    if fandom:
        language = f"{fandom['language']}/" if fandom["language"] else ""
        again = f"fandom:{fandom['wiki']}/{language}"
        host = f"{fandom['wiki'].casefold()}.fandom.com"
        return PageAddress("https", host, f"/{language}", "titles", _title(fandom["page"]), again=again)
    if scheme.casefold() in ("http", "https"):
        return _from_url(address.strip())
    raise SourceError(f"{address!r} names no page of a wiki. {_EXAMPLE}")


def is_wiki_address(address: str) -> bool:
    """Whether `address` is a short one (`wiki:`, `fandom:`) or the URL of a page that looks like one of a wiki."""
    scheme, _, rest = address.strip().partition(":")
    if scheme.casefold() in ("wiki", "fandom"):
        return bool(rest.strip())
    url = urlsplit(address) if scheme.casefold() in ("http", "https") else None
    return url is not None and ("/wiki/" in url.path or "index.php" in url.path or "title" in parse_qs(url.query))


def _wikipedia(rest: str) -> PageAddress:
    match = _LANGUAGE.fullmatch(rest)
    language = rest.partition(":")[0] if match else "en"
    again = f"wiki:{language}:" if match else "wiki:"
    page = _title(match["page"] if match else rest)
    return PageAddress("https", f"{language}.wikipedia.org", "/w/", "titles", page, again=again)


def _from_url(address: str) -> PageAddress:
    try:
        url = urlsplit(address)
        query = parse_qs(url.query)
        host = url.netloc.rpartition("@")[2]
        _ = url.port
    except ValueError as error:
        raise SourceError(f"{address!r} is no address of a page: {error}. {_EXAMPLE}") from error
    if not host:
        raise SourceError(f"{address!r} names no host. {_EXAMPLE}")
    path = _script_path(url)
    for name, key in (("oldid", "revids"), ("curid", "pageids")):
        if query.get(name, [""])[0].isdecimal():
            kind: Literal["revids", "pageids"] = "revids" if key == "revids" else "pageids"
            return PageAddress(url.scheme, host, path, kind, query[name][0], address)
    title = query["title"][0] if "title" in query else _title_in_path(url.path)
    if not title.strip():
        raise SourceError(f"{address!r} names a wiki and no page of it. {_EXAMPLE}")
    return PageAddress(url.scheme, host, path, "titles", _title(title), address)


def _script_path(url: SplitResult) -> str | None:
    """Where api.php is, as far as the address itself tells."""
    before, found, _ = url.path.partition("index.php")
    if found:
        return before
    if _WIKIMEDIA.fullmatch(url.hostname or ""):
        return "/w/"
    if (url.hostname or "").endswith(".fandom.com"):
        return url.path.partition("wiki/")[0] or "/"
    return None


def _title_in_path(path: str) -> str:
    for mark in ("index.php/", "/wiki/"):
        if mark in path:
            return unquote(path.partition(mark)[2])
    return unquote(path.strip("/").rpartition("/")[2])


def _title(text: str) -> str:
    """A title as MediaWiki prints it; a section (#...) is not part of it."""
    return " ".join(text.partition("#")[0].replace("_", " ").split())
