"""Requests as wikis ask for them: one at a time, with a name, with waiting when they say so.

What is waited for: 429 and 5xx, a database that lags (`maxlag`), a connection that breaks. How long is what Retry-After
says, or grows from try to try; tries and waiting are bounded, and so is the size of an answer.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import requests
import urllib3

from roletune.errors import SourceError
from roletune.llm.backoff import Backoff, retry_after

MAX_BYTES = 32_000_000
PATIENT = Backoff(attempts=5, first=1.0, longest=30.0, patience=120.0)


class PoliteSession(requests.Session):
    """A session for mwclient that answers with success or raises SourceError."""

    def __init__(
        self, user_agent: str, backoff: Backoff = PATIENT, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        super().__init__()
        self.headers["User-Agent"] = user_agent
        self.max_redirects = 5
        self._backoff, self._sleep = backoff, sleep

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """One answer with success, after as many tries as it takes and as are allowed."""
        address = url.decode() if isinstance(url, bytes) else url
        attempt = 0
        while True:
            attempt += 1
            response, trouble = self._once(method, address, *args, **kwargs)
            if response is not None and not trouble:
                return response
            asked = None if response is None else retry_after(response.headers, datetime.now(UTC))
            delay = self._backoff.delay(attempt, asked, random.random())
            if delay is None:
                raise SourceError(_gave_up(address, trouble, attempt, asked))
            self._sleep(delay)

    def _once(self, method: Any, url: str, *args: Any, **kwargs: Any) -> tuple[requests.Response | None, str]:
        """The answer, and what is wrong with it that may pass; SourceError for what won't."""
        kwargs["stream"] = True  # so that a body without end is not read to its end
        try:
            response = super().request(method, url, *args, **kwargs)
            body = response.raw.read(MAX_BYTES + 1, decode_content=True)
            response.close()
        except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
            if _is_nobody(error):
                raise SourceError(_nobody(url)) from error
            return None, "no answer in time" if isinstance(error, requests.Timeout) else "the connection broke"
        except requests.RequestException as error:
            raise SourceError(f"{_host(url)} can't be asked: {error}. Check the address of the page.") from error
        if len(body) > MAX_BYTES:
            raise SourceError(f"{_host(url)} answered with over {MAX_BYTES // 1_000_000} MB. Is this a page of a wiki?")
        # What was read goes back where requests looks for it.
        response.raw = io.BytesIO(body)
        if response.status_code == 429 or response.status_code >= 500:
            return response, f"it answered {response.status_code}"
        if response.headers.get("x-database-lag") or b'"code":"maxlag"' in body[:2000]:
            return response, "its database lags behind"
        if response.status_code >= 400:
            raise SourceError(_refused(url, response.status_code))
        return response, ""


def _gave_up(url: str, trouble: str, attempts: int, asked: float | None) -> str:
    wait = f" It asks to wait {asked:.0f} seconds." if asked else ""
    tries = f"{attempts} times" if attempts > 1 else "once"
    return f"{_host(url)} does not answer ({trouble}; tried {tries}).{wait} Try again later."


def _is_nobody(error: Exception) -> bool:
    """Whether there is no such host, no network, or nothing that listens: waiting would not help."""
    return any(sign in str(error) for sign in ("NameResolutionError", "NewConnectionError", "Name or service"))


def _nobody(url: str) -> str:
    return (
        f"{_host(url)} can't be reached. Check the network and the address; pages that were fetched before are read "
        "without a network, and the text of a page can be saved to a file and imported from there."
    )


def _refused(url: str, status: int) -> str:
    if status in (401, 403):
        return (
            f"{_host(url)} refuses ({status}). Wikis want to know who asks: give an e-mail address or a page as "
            "contact, or save the page's wikitext to a file."
        )
    return f"{_host(url)} answers {status}. Check the address: is this a page of a MediaWiki?"


def _host(url: str) -> str:
    return url.partition("//")[2].partition("/")[0].partition("?")[0]
