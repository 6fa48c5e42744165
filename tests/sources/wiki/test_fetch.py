"""Fetching against answers recorded from a real MediaWiki (tests/wiki/record.py), played by a server on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.wiki.record import question

from roletune import __version__
from roletune.errors import SourceError
from roletune.llm.backoff import Backoff
from roletune.sources.wiki.fetch import SUFFIX, fetch_page, page_path, read_wiki
from roletune.sources.wiki.session import PoliteSession

ANSWERS = json.loads((Path(__file__).parent / "answers.json").read_text("utf-8"))
OK = (200, {}, None)


class Wiki:
    """Answers as recorded; `before` are answers (status, headers, body) given first, one a request."""

    def __init__(self, language="en"):
        self.before = []
        self.requests = []
        self.agents = []
        wiki = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                wiki.answer(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.answers = ANSWERS[language]

    def answer(self, handler):
        parameters = dict(parse_qsl(urlsplit(handler.path).query, keep_blank_values=True))
        self.requests.append(parameters)
        self.agents.append(handler.headers["User-Agent"])
        status, headers, body = self.before.pop(0) if self.before else OK
        if body is None:
            recorded = self.answers.get(question(parameters))
            body = json.dumps(recorded if recorded is not None else {"error": {"code": "unrecorded", "info": "?"}})
        data = body.replace("WIKI", self.url).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


@pytest.fixture
def serve():
    wikis = []

    def start(language="en"):
        wiki = Wiki(language)
        wikis.append(wiki)
        threading.Thread(target=wiki.server.serve_forever, args=(0.01,), daemon=True).start()
        return wiki

    yield start
    for wiki in wikis:
        wiki.server.shutdown()
        wiki.server.server_close()


@pytest.fixture
def wiki(serve):
    return serve()


def read(path):
    return read_wiki(path.read_bytes(), path.name)


def session(waited):
    return PoliteSession("test", Backoff(attempts=3, first=1.0, longest=2.0, patience=60.0), sleep=waited.append)


def test_an_article_gives_its_paragraphs_under_their_headings(wiki, tmp_path):
    reading = read(fetch_page(f"{wiki.url}/index.php/Halda", tmp_path))
    assert [(p.heading, p.text) for p in reading.paragraphs] == [
        (
            "",
            "Halda is the clockwork butler of Ada Quill, an inventor in the town of Steinbrück. He speaks politely, "
            "and never twice about the same thing.",
        ),
        ("", "Halda was built in c. 1871 and weighs 80 kg – without his key."),
        ("", "“I do not tell the time. I keep it.” (Halda, The Silent Clock)"),
        ("Life: Early years", "He was found in a cellar by the town museum, as http://example.org tells."),
        ("Life: In the house", "His duties are:"),
        ("Life: In the house", "- winding every clock,\n- also the silent one,\n- serving tea at five o'clock."),
        ("Life: In the house", "Ada: Is it late?\nHalda: It is exactly as late as you are, madam."),
        ("Character", "Halda is patient, proud of his springs, and afraid of rain. He has reason to be."),
        ("Trivia", "- His key has nine teeth."),
    ]
    assert reading.notices == ("templates left out: Odd template (1)",)
    assert reading.unread == ()


def test_the_infobox_gives_facts_and_no_prose(wiki, tmp_path):
    assert read(fetch_page(f"{wiki.url}/index.php/Halda", tmp_path)).facts == {
        "name": "Halda",
        "aliases": "The Brass Butler, Number Nine",
        "born": "1871-03-04",
        "occupation": "Butler, Keeper of the clock",
        "first": "The Silent Clock",
    }


def test_a_page_is_kept_with_its_revision_and_the_licence_of_the_wiki(wiki, tmp_path):
    path = fetch_page(f"{wiki.url}/index.php/Number_Nine", tmp_path)
    page = json.loads(path.read_text("utf-8"))
    assert path.name.endswith(SUFFIX)
    assert page["redirects"] == ["Number Nine", "Brass Butler"]
    assert page["licence_url"] == "https://creativecommons.org/licenses/by-sa/4.0/"
    assert page["revision_id"] > 0
    assert page["url"] == f"{wiki.url}/index.php/Halda"
    reading = read(path)
    assert (reading.revision, reading.date) == (str(page["revision_id"]), page["timestamp"])
    assert reading.licence.startswith("Creative Commons Attribution-ShareAlike 4.0 <https:")


def test_offsets_point_to_the_paragraph_in_the_wikitext(wiki, tmp_path):
    path = fetch_page(f"{wiki.url}/index.php/Halda", tmp_path)
    text = json.loads(path.read_text("utf-8"))["wikitext"]
    character = next(p for p in read(path).paragraphs if p.heading == "Character")
    assert text[character.start : character.end].startswith("Halda is patient, proud")
    assert text[character.start : character.end].endswith("He has reason to be.")


def test_a_page_that_is_there_is_not_asked_for_again_unless_refreshed(wiki, tmp_path):
    address = f"{wiki.url}/index.php/Ada_Quill"
    path = fetch_page(address, tmp_path)
    assert fetch_page(address, tmp_path) == path == page_path(address, tmp_path)
    assert len(wiki.requests) == 1
    fetch_page(address, tmp_path, refresh=True)
    assert len(wiki.requests) == 2


def test_the_wiki_is_told_who_asks_and_that_it_may_refuse_when_it_lags(wiki, tmp_path):
    fetch_page(f"{wiki.url}/index.php/Ada_Quill", tmp_path, contact="ada@example.org")
    assert wiki.agents[0].startswith(f"roletune/{__version__} (ada@example.org) mwclient/")
    assert wiki.requests[0]["maxlag"] == "5"


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("Circle_One", "redirects in a circle: Circle One -> Circle Two -> Circle One"),
        ("Lost", r"has no page 'Never written' \(where 'Lost' redirects to\)"),
        ("Clock", "may mean several things: Silent Clock, The Silent Clock, Halda. Name one: http"),
        ("Hald", "Near titles: Halda"),
        ("Special:Version", "made by the wiki's software"),
        ("[Halda]", "is no title"),
    ],
)
def test_what_is_no_article_is_told_with_a_cure_and_leaves_no_file(title, told, wiki, tmp_path):
    with pytest.raises(SourceError, match=told):
        fetch_page(f"{wiki.url}/index.php/{title}", tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_language_has_its_own_namespaces_and_sections(serve, tmp_path):
    reading = read(fetch_page(f"{serve('de').url}/index.php/Halda", tmp_path))
    assert [p.text for p in reading.paragraphs] == [
        "Halda ist der mechanische Butler von Ada Quill. Er spricht höflich.",
        "“Ich sage nicht die Zeit. Ich bewahre sie.” (Halda)",
        "Er wurde in einem Keller gefunden.",
    ]
    assert reading.facts == {"name": "Halda", "beruf": "Butler"}


def test_too_many_requests_are_waited_for_as_long_as_the_wiki_says(wiki, tmp_path):
    wiki.before = [(429, {"Retry-After": "7"}, "slow down"), (503, {}, "down")]
    waited = []
    fetch_page(f"{wiki.url}/index.php/Ada_Quill", tmp_path, session=session(waited))
    assert len(wiki.requests) == 3
    assert 7.0 <= waited[0] < 8.0
    assert waited[1] <= 2.0


def test_a_database_that_lags_is_waited_for(wiki, tmp_path):
    lag = '{"error":{"code":"maxlag","info":"Waiting for a database server: 9 seconds lagged."}}'
    wiki.before = [(200, {"Retry-After": "5", "X-Database-Lag": "9"}, lag), (200, {}, lag)]
    waited = []
    fetch_page(f"{wiki.url}/index.php/Ada_Quill", tmp_path, session=session(waited))
    assert 5.0 <= waited[0] < 6.0
    assert len(waited) == 2


def test_waiting_and_trying_come_to_an_end(wiki, tmp_path):
    waited = []
    wiki.before = [(503, {}, "down")] * 9
    with pytest.raises(SourceError, match=r"does not answer \(it answered 503; tried 3 times\)"):
        fetch_page(f"{wiki.url}/index.php/Ada_Quill", tmp_path, session=session(waited))
    wiki.before = [(429, {"Retry-After": "86400"}, "tomorrow")]
    with pytest.raises(SourceError, match=r"asks to wait 86400 seconds. Try again later."):
        fetch_page(f"{wiki.url}/index.php/Ada_Quill", tmp_path, session=session(waited))
    assert sum(waited) < 60


def test_an_answer_in_parts_is_put_together(wiki, tmp_path):
    whole = next(answer for asked, answer in wiki.answers.items() if "titles=Ada Quill" in asked)
    first = {"continue": {"rvcontinue": "1|2", "continue": "||"}, "query": dict(whole["query"])}
    page_id, page = next(iter(whole["query"]["pages"].items()))
    first["query"]["pages"] = {page_id: {key: value for key, value in page.items() if key != "revisions"}}
    rest = {"query": {"pages": {page_id: {"pageid": page["pageid"], "revisions": page["revisions"]}}}}
    wiki.before = [(200, {}, json.dumps(first)), (200, {}, json.dumps(rest))]
    assert read(fetch_page(f"{wiki.url}/index.php/Ada_Quill", tmp_path)).paragraphs[0].text.startswith("Ada Quill")
    assert wiki.requests[1]["rvcontinue"] == "1|2"


def test_an_answer_that_never_ends_is_given_up(wiki, tmp_path):
    wiki.before = [(200, {}, '{"continue":{"rvcontinue":"1"},"query":{}}')] * 40
    with pytest.raises(SourceError, match="does not come to an end"):
        fetch_page(f"{wiki.url}/index.php/Ada_Quill", tmp_path)


def test_where_the_programs_door_is_is_read_from_the_page(wiki, tmp_path):
    html = '<html><link rel="EditURI" type="application/rsd+xml" href="WIKI/api.php?action=rsd"/></html>'
    wiki.before = [(200, {}, html)]
    assert read(fetch_page(f"{wiki.url}/wiki/Ada_Quill", tmp_path)).title == "Ada Quill"


@pytest.mark.parametrize(
    "html",
    [
        "<html>A page of something else.</html>",
        '<link rel="EditURI" type="application/rsd+xml" href="http://elsewhere.example/api.php?action=rsd"/>',
    ],
)
def test_a_page_of_no_mediawiki_is_told(html, wiki, tmp_path):
    wiki.before = [(200, {}, html)]
    with pytest.raises(SourceError, match="no page of a MediaWiki that answers programs"):
        fetch_page(f"{wiki.url}/wiki/Ada_Quill", tmp_path)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (403, "no robots", "give an e-mail address or a page as contact"),
        (404, "nothing", "is this a page of a MediaWiki"),
        (200, "<html>", "does not answer as a MediaWiki does"),
        (200, "[1]", "does not answer as a MediaWiki does"),
        (200, '{"error":{"code":"readapidenied","info":"You need read permission."}}', "You need read permission"),
    ],
)
def test_a_refusal_is_told_with_a_cure(status, body, told, wiki, tmp_path):
    wiki.before = [(status, {}, body)]
    with pytest.raises(SourceError, match=told):
        fetch_page(f"{wiki.url}/index.php/Ada_Quill", tmp_path)


def test_without_a_network_one_sentence_tells_the_cure(serve, tmp_path):
    wiki = serve()
    wiki.server.shutdown()
    wiki.server.server_close()
    with pytest.raises(SourceError, match="can't be reached"):
        fetch_page(f"{wiki.url}/index.php/Halda", tmp_path)


def test_a_contact_that_no_header_can_carry_is_refused(wiki, tmp_path):
    with pytest.raises(SourceError, match="can't be sent"):
        fetch_page(f"{wiki.url}/index.php/Halda", tmp_path, contact="a\r\nCookie: b")


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format": "roletune wiki page", "title": "Hal', b"[]", b'"x"'])
def test_a_file_that_is_cut_off_is_told(data):
    with pytest.raises(SourceError, match="is not a whole page of a wiki"):
        read_wiki(data, "halda.wiki.json")
