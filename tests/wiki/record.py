"""Record what the real wiki answers, for the tests that run without one: python -m tests.wiki.record

Every answer goes into tests/sources/wiki/answers.json under its question; the wiki's address is written as WIKI.
"""

import json
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.wiki.server import real_wiki

from roletune.errors import SourceError
from roletune.sources.wiki.fetch import fetch_page
from roletune.sources.wiki.session import PoliteSession

ANSWERS = Path(__file__).parents[1] / "sources" / "wiki" / "answers.json"
ENGLISH = """Halda Number_Nine Circle_One Lost Clock Hald Ada_Quill Special:Version The_Silent_Clock/Transcript
    The_Rain_Machine/Transcript The_Ferry [Halda]"""
TITLES = {"en": ENGLISH, "de": "Halda"}


def question(parameters):
    """A question as one line: its parameters in order, without those that every question has."""
    everywhere = {"format", "maxlag", "continue"}
    return "&".join(f"{key}={value}" for key, value in sorted(parameters.items()) if key not in everywhere)


class Recorder(PoliteSession):
    """Keeps every answer."""

    def __init__(self, wiki, answers):
        super().__init__("roletune-tests")
        self.wiki, self.answers = wiki, answers

    def request(self, method, url, *args, **kwargs):
        response = super().request(method, url, *args, **kwargs)
        if kwargs.get("params"):
            self.answers[question(kwargs["params"])] = json.loads(response.text.replace(self.wiki, "WIKI"))
        return response


def main():
    recorded = {}
    for language, titles in TITLES.items():
        recorded[language] = answers = {}
        with tempfile.TemporaryDirectory() as folder, real_wiki(folder, language) as wiki:
            for title in titles.split():
                with suppress(SourceError):  # what the wiki answers to a wrong question is worth recording, too
                    fetch_page(f"{wiki}/index.php/{title}", Path(folder), session=Recorder(wiki, answers))
    ANSWERS.write_text(json.dumps(recorded, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
