"""Pages and files of the web that are no wiki: downloaded once, kept as they came.

Bounded: http and https only, five redirects, MAX_BYTES, TIMEOUT seconds without a byte and PATIENCE in all, and only
contents that can be read here. What is kept is read as any file is; its address and the day go into the settings.
"""

from __future__ import annotations

import re
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from roletune import __version__
from roletune.engine.store import write_bytes
from roletune.errors import MissingExtraError, SourceError
from roletune.records import fingerprint
from roletune.sources.formats import EXTENSIONS

if TYPE_CHECKING:
    import requests

MAX_BYTES = 10_000_000
TIMEOUT = 30.0
PATIENCE = 120.0
REDIRECTS = 5

# What a server calls it -> the extension of the file; "" where the address has to tell.
CONTENTS: dict[str, str] = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "application/epub+zip": ".epub",
    "text/markdown": ".md",
    "text/plain": "",
    "text/vtt": ".vtt",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "application/tei+xml": ".tei",
    "image/png": ".png",
    "application/octet-stream": "",
    "": "",
}
_SAVE = "Save it to a file and import that."


def kept_path(url: str, folder: Path) -> Path | None:
    """The file in `folder` that keeps what was at `url`, None if nothing does."""
    found = sorted(folder.glob(f"{_stem(url)}.*"))
    return found[0] if found else None


def download(url: str, folder: Path, *, refresh: bool = False, contact: str = "") -> Path:
    """Have what is at `url` as a file in `folder`; what is there is not downloaded again.

    Raises SourceError, with the cure, for what can't be had: no network, no such page, too large, of no format.
    """
    there = kept_path(url, folder)
    if there and not refresh:
        return there
    data, suffix = _fetched(url, contact)
    path = folder / f"{_stem(url)}{suffix}"
    write_bytes(path, data)
    return path


def _fetched(url: str, contact: str) -> tuple[bytes, str]:
    try:
        import requests
    except ImportError as error:
        raise MissingExtraError("Downloading pages", "sources") from error
    if urlsplit(url).scheme.casefold() not in ("http", "https") or not urlsplit(url).hostname:
        raise SourceError(f"{url!r} is no address of a page. Write it as https://example.org/page.")
    if not (contact.isascii() and contact.isprintable()):
        raise SourceError(f"The contact {contact!r} can't be sent. Give an e-mail address or a URL in plain letters.")
    session = requests.Session()
    session.max_redirects = REDIRECTS
    session.headers["User-Agent"] = f"roletune/{__version__}{f' ({contact})' if contact else ''}"
    try:
        with session, session.get(url, stream=True, timeout=TIMEOUT) as response:
            return _body(response, url), _suffix(response, url)
    except requests.TooManyRedirects as error:
        raise SourceError(f"{url} redirects in a circle. Open it in a browser; give the address it ends at.") from error
    except requests.Timeout as error:
        raise SourceError(f"{url} did not answer within {TIMEOUT:.0f} seconds. Try again later. {_SAVE}") from error
    except requests.RequestException as error:
        raise SourceError(f"{url} can't be had: {error}. Check the address and the network. {_SAVE}") from error


def _body(response: requests.Response, url: str) -> bytes:
    if response.status_code >= 400:
        raise SourceError(f"{url} answers {response.status_code} {response.reason}. Check the address. {_SAVE}")
    end = time.monotonic() + PATIENCE
    data = bytearray()
    for part in response.iter_content(65_536):
        data += part
        if len(data) > MAX_BYTES:
            raise SourceError(
                f"{url} is over {MAX_BYTES // 1_000_000} MB. Save the part that tells about the character."
            )
        if time.monotonic() > end:
            raise SourceError(f"{url} is sent too slowly: it took over {PATIENCE:.0f} seconds. {_SAVE}")
    return bytes(data)


def _suffix(response: requests.Response, url: str) -> str:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind not in CONTENTS:
        raise SourceError(f"{url} holds {kind}, which can't be read. {_SAVE}")
    own = PurePosixPath(unquote(urlsplit(response.url).path)).suffix.casefold()
    return own if own in EXTENSIONS and kind != "text/html" else CONTENTS[kind] or ".txt"


def _stem(url: str) -> str:
    try:
        place = urlsplit(url)
    except ValueError as error:
        raise SourceError(f"{url!r} is no address: {error}. Write it as https://example.org/page.") from error
    slug = re.sub(r"[^\w]+", "-", f"{place.hostname} {unquote(place.path)}".casefold()).strip("-")[:80].strip("-")
    return f"{slug}-{fingerprint(url.partition('#')[0], length=8)}"
