"""Pages of wikis: fetched once, kept with their revision and licence, read offline ever after.

`fetch_page` is the only part of a wiki source that needs a network. What it writes is one JSON file a page, complete:
reading it (`wiki_page.py`) asks nobody. Redirects are followed, circles of them refused; a page that only lists what
its title may mean is an error that tells the choices; a page that is missing is an error that tells near titles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from pydantic import ValidationError

from roletune import __version__
from roletune.engine.store import write_json
from roletune.errors import MissingExtraError, SourceError
from roletune.records import fingerprint
from roletune.sources.wiki.address import PageAddress, parse_address
from roletune.sources.wiki.page import WikiPage, choices, read_wiki

if TYPE_CHECKING:
    from roletune.sources.wiki.session import PoliteSession

__all__ = ["SUFFIX", "fetch_page", "page_path", "read_wiki"]

SUFFIX = ".wiki.json"
_LAG = 5  # seconds that the wiki's database may be behind before we wait; what Wikimedia asks for
_CONTINUED = 20  # answers that belong to one question
_RSD = re.compile(r'<link rel="EditURI"[^>]*? href="(?P<href>[^"]{1,500}+)"')


def page_path(address: str, folder: Path) -> Path:
    """The file in `folder` that keeps the page `address`; the same on every machine."""
    place = parse_address(address)
    slug = re.sub(r"[^\w]+", "-", f"{place.host} {place.value}".casefold()).strip("-")[:80]
    identity = (place.scheme, place.host, place.path, place.key, place.value)
    return folder / f"{slug}-{fingerprint(*identity, length=8)}{SUFFIX}"


def fetch_page(
    address: str, folder: Path, *, refresh: bool = False, contact: str = "", session: PoliteSession | None = None
) -> Path:
    """Have the page `address` (see `wiki_address`) as a file in `folder`; a file that is there is not fetched again.

    `contact` is an e-mail address or a page that tells the wiki's owners who asks. Raises SourceError, with the cure,
    for a page that can't be had, and MissingExtraError without mwclient.
    """
    place = parse_address(address)
    path = page_path(address, folder)
    if path.exists() and not refresh:
        return path
    page = _fetch(place, address, session or _session(contact))
    write_json(path, page)
    return path


def _session(contact: str) -> PoliteSession:
    try:
        import mwclient

        from roletune.sources.wiki.session import PoliteSession
    except ImportError as error:
        raise MissingExtraError("Fetching pages of wikis", "sources") from error
    if not (contact.isascii() and contact.isprintable()):
        raise SourceError(f"The contact {contact!r} can't be sent. Give an e-mail address or a URL in plain letters.")
    who = f" ({contact})" if contact else ""
    return PoliteSession(f"roletune/{__version__}{who} mwclient/{mwclient.__version__}")


def _fetch(place: PageAddress, address: str, session: PoliteSession) -> WikiPage:
    site = _Site(place, session)
    title = {place.key: place.value} | ({"redirects": "1"} if place.key == "titles" else {})
    answer = site.query(
        **title,
        prop="revisions|info|pageprops",
        rvprop="ids|timestamp|content",
        rvslots="main",
        inprop="url",
        ppprop="disambiguation",
        meta="siteinfo",
        siprop="general|rightsinfo|namespaces|namespacealiases",
    )
    try:
        stored = _stored(_page(answer, place, site), answer, address)
    except (KeyError, IndexError, TypeError, AttributeError, ValidationError) as error:
        raise site.no_mediawiki() from error
    listed = choices(stored) if stored.disambiguation else ()
    if listed:
        raise SourceError(
            f"{stored.title!r} may mean several things: {_told(listed)}. Name one: {place.near(listed[0])}"
        )
    return stored


class _Site:
    """One wiki, asked through mwclient."""

    def __init__(self, place: PageAddress, session: PoliteSession) -> None:
        import mwclient

        path = place.path if place.path is not None else _discover(place, session)
        self._site = mwclient.Site(
            place.host, path=path, scheme=place.scheme, pool=session, max_retries=0, max_lag=_LAG, do_init=False
        )

    def query(self, **parameters: str) -> dict[str, Any]:
        """The answer to one question, continued until it is whole. Raises SourceError if the wiki can't tell."""
        import mwclient.errors

        whole: dict[str, Any] = {}
        more: dict[str, str] = {"continue": ""}
        for _ in range(_CONTINUED):
            try:
                answer = self._site.raw_api("query", "GET", **parameters, **more, maxlag=_LAG)
            except mwclient.errors.InvalidResponse as error:
                raise self.no_mediawiki() from error
            if not isinstance(answer, dict):
                raise self.no_mediawiki()
            if "error" in answer:
                told = answer["error"].get("info", "") if isinstance(answer["error"], dict) else answer["error"]
                raise SourceError(f"{self._site.host} refuses the question: {told} Check the address of the page.")
            _merge(whole, answer)
            if not answer.get("continue"):
                return whole
            more = answer["continue"]
        raise SourceError(f"{self._site.host} does not come to an end of its answer. Try again later.")

    def no_mediawiki(self) -> SourceError:
        """What to raise for an answer of an unknown shape."""
        return SourceError(f"{self._site.host} does not answer as a MediaWiki does. Check the address of the page.")


def _discover(place: PageAddress, session: PoliteSession) -> str:
    """Where api.php is, as the page itself links it ("really simple discovery", in every page of a MediaWiki)."""
    page = session.get(place.url, timeout=30)
    match = _RSD.search(page.text)
    link = urlsplit(urljoin(place.url, match["href"])) if match else None
    if link is None or link.netloc != place.host or not link.path.endswith("api.php"):
        raise SourceError(
            f"{place.url} is no page of a MediaWiki that answers programs. Save its text to a file and import that."
        )
    return str(link.path).removesuffix("api.php")


def _merge(whole: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Add a continued answer to what came before: lists grow, objects are joined."""
    for key, value in part.items():
        if isinstance(value, Mapping) and isinstance(whole.get(key), dict):
            _merge(whole[key], value)
        elif isinstance(value, list) and isinstance(whole.get(key), list):
            whole[key] = whole[key] + [one for one in value if one not in whole[key]]
        else:
            whole[key] = value


def _page(answer: Mapping[str, Any], place: PageAddress, site: _Site) -> Mapping[str, Any]:
    """The one page of the answer. Raises SourceError if there is none, telling why and what to do."""
    query = answer.get("query", {})
    page: Mapping[str, Any] = next(iter(query.get("pages", {}).values()), {})
    name = page.get("title", place.value)
    trail = [hop["from"] for hop in query.get("redirects", [])]
    if trail and not page:
        circle = " -> ".join([*trail, query["redirects"][-1]["to"]])
        raise SourceError(f"{place.value!r} redirects in a circle: {circle}. Name the page that you mean.")
    if "interwiki" in query:
        wiki = query["interwiki"][0]["iw"]
        raise SourceError(f"{place.value!r} is on another wiki ({wiki}). Give that page's full address.")
    if "invalid" in page:
        raise SourceError(f"{name!r} is no title: {page.get('invalidreason', '')} {place.near('Title')} names a page.")
    if "special" in page or page.get("ns", 0) < 0:
        raise SourceError(f"{name!r} is made by the wiki's software and has no text. Name an article.")
    if "missing" in page or "revisions" not in page:
        near = list(_near(name, site)) if place.key == "titles" else []
        advice = f"Near titles: {_told(near)}. Name one: {place.near(near[0])}" if near else "Check the spelling."
        whence = f" (where {trail[0]!r} redirects to)" if trail else ""
        raise SourceError(f"{place.host} has no page {name!r}{whence}. {advice}")
    return page


def _near(title: str, site: _Site) -> Iterator[str]:
    beginning = title[: max(3, len(title) // 2)]
    found = site.query(
        list="search|prefixsearch", srsearch=title, srlimit="5", srprop="", pssearch=beginning, pslimit="5"
    ).get("query", {})
    suggestion = found.get("searchinfo", {}).get("suggestion")
    titles = [hit["title"] for group in ("prefixsearch", "search") for hit in found.get(group, [])]
    yield from dict.fromkeys([*([suggestion] if suggestion else []), *titles])


def _stored(page: Mapping[str, Any], answer: Mapping[str, Any], address: str) -> WikiPage:
    revision = page["revisions"][0]
    slot = revision.get("slots", {}).get("main", revision)
    if slot.get("contentmodel", "wikitext") != "wikitext" or "*" not in slot:
        raise SourceError(f"{page['title']!r} holds no wikitext. Name an article.")
    query = answer["query"]
    general, rights = query.get("general", {}), query.get("rightsinfo", {})
    return WikiPage(
        address=address,
        title=page["title"],
        page_id=page["pageid"],
        revision_id=revision["revid"],
        timestamp=revision["timestamp"],
        url=page.get("canonicalurl") or page.get("fullurl", ""),
        wiki=general.get("sitename", ""),
        language=page.get("pagelanguage") or general.get("lang", ""),
        licence=rights.get("text", ""),
        licence_url=rights.get("url", ""),
        redirects=tuple(hop["from"] for hop in query.get("redirects", [])),
        disambiguation="disambiguation" in page.get("pageprops", {}) or "__DISAMBIG__" in slot["*"],
        files=_called(query, 6),
        categories=_called(query, 14),
        fetched=datetime.now(UTC).date().isoformat(),
        wikitext=slot["*"],
    ).checked()


def _called(query: Mapping[str, Any], number: int) -> tuple[str, ...]:
    """What this wiki calls a namespace, in lower case."""
    own = query.get("namespaces", {}).get(str(number), {})
    names = [own.get("*", ""), own.get("canonical", "")]
    names += [alias["*"] for alias in query.get("namespacealiases", []) if alias.get("id") == number]
    return tuple(dict.fromkeys(name.casefold() for name in names if name))


def _told(titles: tuple[str, ...] | list[str]) -> str:
    more = len(titles) - 12
    return ", ".join(titles[:12]) + (f" and {more} more" if more > 0 else "")
