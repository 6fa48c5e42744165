"""The page itself: whole, inert, self-contained. What it looks like is for eyes."""

import base64
import csv
import io
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from roletune.evaluation.report_html import breakdown, extremes, render_html, segments, topics
from roletune.records import Finding, Report

from . import invented

VOID = {"meta", "link", "br", "img", "input", "hr", "line", "circle", "rect", "path", "polyline"}
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)></blockquote>\"'><style>*{display:none}</style>{{ 7*7 }}"
)


class Page(HTMLParser):
    """Tags with their attributes in order; complains about a tag that is closed out of turn."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def html():
    return render_html(invented.report())


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_is_well_formed_and_has_an_outline(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.all("html")[0]["lang"] == "en"


def test_the_verdict_and_the_three_figures_come_first(html):
    report = invented.report()
    places = [html.index(f"{report.evaluation.likelihood.adapter.perplexity:.2f}</strong>"), html.index('id="replies"')]
    assert (
        html.index("Closer to the voice than the prompt alone") < html.index('class="figures"') < places[0] < places[1]
    )


def test_nothing_is_requested_and_nothing_can_run(page, html):
    assert page.all("script", "iframe", "object", "embed", "base", "form") == []
    for attributes in page.all(*{tag for tag, _ in page.tags}):
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "action", "poster"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert not re.search(r"@import|url\(", html.split("</style>")[0])
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_what_a_model_wrote_is_inert(html):
    assert "<script>" not in html
    assert "&lt;script&gt;alert(&#39;the report ran me&#39;)&lt;/script&gt;" in html


def test_hostile_text_in_any_field_stays_text():
    def poisoned(value):
        if isinstance(value, str):
            return value + HOSTILE
        if isinstance(value, dict):
            return {f"{key}{HOSTILE}": poisoned(item) for key, item in value.items()}
        return [poisoned(item) for item in value] if isinstance(value, list) else value

    report = invented.report().model_dump(mode="json")
    for field in ("character", "verdict", "base_model", "versions", "notices", "created"):
        report[field] = poisoned(report[field])
    for field in ("origins", "purposes", "partners", "rejected"):
        report["data"][field] = poisoned(report["data"][field])
    for field in ("run", "recipe", "device", "dtype", "data", "base_identity"):
        report["training"][field] = poisoned(report["training"][field])
    report["timings"]["stages"] = {f"{key}{HOSTILE}": value for key, value in report["timings"]["stages"].items()}
    report["evaluation"]["sampling"] = poisoned(report["evaluation"]["sampling"])
    report["evaluation"]["likelihood"]["base"]["system"] += HOSTILE
    for finding in report["lint"]:
        finding.update({name: poisoned(finding[name]) for name in ("check", "message", "where")})
    for reply in report["evaluation"]["replies"]:
        reply.update({name: poisoned(reply[name]) for name in ("question", "topic", "base", "base_prompt", "adapter")})
        for findings in reply["findings"].values():
            for finding in findings:
                finding.update(check=poisoned(finding["check"]), message=poisoned(finding["message"]))
    page = Page(render_html(Report.model_validate(report)))
    assert page.all("script", "img") == []
    assert len(page.all("style")) == 1
    assert "{{ 7*7 }}" in "".join(page.text)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_plots_tables_and_marks_say_what_they_are(page, html):
    drawn = [attributes for attributes in page.all("svg") if attributes.get("role") == "img"]
    assert len(drawn) == 5  # the ratio, and two plots for a wide page and for a phone
    assert all(attributes["aria-label"] for attributes in drawn)
    assert all("aria-hidden" in a for a in page.all("svg") if a.get("role") != "img")
    assert len(page.all("table")) == len(page.all("caption")) == 5
    assert all(a.get("scope") in ("col", "row") for a in page.all("th"))
    assert all(a["title"] for a in page.all("mark")[1:])  # the first explains the marking


def test_the_numbers_travel_with_the_page_as_json_and_as_tables(page):
    links = {
        a["download"]: base64.b64decode(a["href"].split(",")[1]).decode() for a in page.all("a") if "download" in a
    }
    assert Report.model_validate_json(links.pop("report.json")) == invented.report()
    assert list(links) == ["replies.csv", "style.csv", "lines.csv", "learning.csv", "data.csv"]
    rows = list(csv.DictReader(io.StringIO(links["replies.csv"])))
    first = invented.replies()[0]
    assert len(rows) == 3 * len(invented.replies())
    assert (rows[2]["question"], rows[2]["contestant"], rows[2]["reply"]) == (first.question, "adapter", first.adapter)


def test_every_link_inside_the_page_leads_somewhere(page):
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {a["href"][1:] for a in page.all("a") if a["href"].startswith("#")} <= ids


def test_light_and_dark_are_the_readers_choice(html):
    assert "@media (prefers-color-scheme: dark)" in html
    assert not re.search(r'(?:fill|stroke)="#', html)


def test_a_meagre_report_is_a_page_too():
    report = invented.report()
    bare = report.model_copy(
        update={
            "lint": (),
            "notices": (),
            "versions": {},
            "training": report.training.model_copy(update={"curve": (), "recipe": {}, "data": "", "base_identity": ""}),
            "data": report.data.model_copy(update={"origins": {}, "rejected": {}, "partners": {}}),
            "timings": report.timings.model_copy(update={"stages": {}}),
            "evaluation": report.evaluation.model_copy(
                update={"likelihood": report.evaluation.likelihood.model_copy(update={"lines": ()}), "sampling": {}}
            ),
        }
    )
    page = Page(render_html(bare))
    assert len([a for a in page.all("svg") if a.get("role") == "img"]) == 1


def finding(where, check="emoji"):
    return Finding(check=check, message="why", where=where)


def marked(text, *findings):
    return [(piece.text, piece.finding is not None) for piece in segments(text, findings)]


def test_passages_are_marked_where_they_stand():
    assert marked("one two three", finding("two")) == [("one ", False), ("two", True), (" three", False)]
    assert marked("one", finding("")) == [("one", False)]
    assert marked("one", finding("four")) == [("one", False)]
    assert marked("one two", finding("one"), finding("two")) == [("one", True), (" ", False), ("two", True)]


def test_of_overlapping_passages_the_first_is_marked_and_no_word_is_lost():
    pieces = marked("a b c d", finding("a b c"), finding("b c d"))
    assert "".join(text for text, _ in pieces) == "a b c d"
    assert pieces[0] == ("a b c", True)


def test_a_reply_that_breaks_off_is_marked_at_its_end():
    assert marked("the sea the", finding("the", check="whole_sentence")) == [("the sea ", False), ("the", True)]


def test_topics_keep_their_order_and_count_the_adapters_clean_replies():
    found = topics(invented.replies())
    assert [topic.name for topic in found][:3] == ["greeting", "the workshop", "people"]
    assert [topic.clean for topic in found][2] == 1  # of two: one breaks off


def test_long_breakdowns_end_in_the_rest():
    bars = breakdown({f"p{k}": 20 - k for k in range(12)})
    assert len(bars) == 8
    assert bars[-1].label == ""
    assert sum(bar.number for bar in bars) == sum(20 - k for k in range(12))
    assert sum(bar.share for bar in bars) == pytest.approx(1)
    assert breakdown({}) == []


def test_the_best_and_the_worst_reply_stand_first_unless_they_are_alike():
    (best, first), (worst, last) = extremes(invented.replies())
    assert (best, worst) == ("best", "worst")
    assert not [f for f in first.findings.get("adapter", ()) if f.severity == "warning"]
    assert [f for f in last.findings["adapter"] if f.severity == "warning"]
    assert extremes([first, first]) == extremes([]) == []


def test_the_mixture_and_what_each_stage_kept_are_told_in_figures():
    page = render_html(invented.report())
    assert (
        '<tr><th scope="row">generated</th><td>6 (7\u202f%)</td>' in page
        or '<tr><th scope="row">generated</th><td>6 (7 %)</td>' in page
    )
    assert '<tr><th scope="row">protective</th><td>6</td><td>34</td></tr>' in page
