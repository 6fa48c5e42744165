"""Pages fetched from a real MediaWiki. `make test-wiki` installs what it needs and runs them."""

import os

import pytest
from tests.wiki.server import missing, real_wiki

from roletune.errors import SourceError
from roletune.sources.wiki.fetch import fetch_page, read_wiki

pytestmark = [
    pytest.mark.wiki,
    pytest.mark.skipif(not os.environ.get("ROLETUNE_WIKI"), reason="make test-wiki runs these"),
]


@pytest.fixture(scope="module", autouse=True)
def _installed():
    if missing():
        pytest.fail(f"{missing()} is missing: apt-get install --no-install-recommends mediawiki php-sqlite3 php-cli")


@pytest.fixture(scope="module")
def wiki(tmp_path_factory):
    with real_wiki(tmp_path_factory.mktemp("wiki")) as address:
        yield address


def read(address, folder):
    path = fetch_page(address, folder)
    return read_wiki(path.read_bytes(), path.name)


def test_an_article_gives_paragraphs_facts_revision_and_the_licence_that_the_wiki_reports(wiki, tmp_path):
    reading = read(f"{wiki}/index.php/Halda", tmp_path)
    assert reading.title == "Halda"
    assert reading.paragraphs[0].text.startswith("Halda is the clockwork butler of Ada Quill, an inventor")
    assert reading.facts["aliases"] == "The Brass Butler, Number Nine"
    assert reading.revision.isdecimal()
    assert reading.date.endswith("Z")
    assert reading.licence == (
        "Creative Commons Attribution-ShareAlike 4.0 <https://creativecommons.org/licenses/by-sa/4.0/>"
    )
    assert reading.url == f"{wiki}/index.php/Halda"


@pytest.mark.parametrize("form", ["index.php/{}", "index.php?title={}", "wiki/{}", "index.php?title={}&action=edit"])
def test_a_page_is_found_by_every_form_of_its_address(form, wiki, tmp_path):
    assert read(f"{wiki}/{form.format('Ada_Quill')}", tmp_path).title == "Ada Quill"


def test_redirects_of_redirects_are_followed(wiki, tmp_path):
    path = fetch_page(f"{wiki}/index.php/Number_Nine", tmp_path)
    assert read_wiki(path.read_bytes(), path.name).title == "Halda"
    assert '"Number Nine",\n    "Brass Butler"' in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("Circle_One", "redirects in a circle: Circle One -> Circle Two -> Circle One"),
        ("Lost", r"has no page 'Never written' \(where 'Lost' redirects to\)"),
        ("Clock", "may mean several things: Silent Clock, The Silent Clock, Halda"),
        ("Hald", "Near titles: Halda"),
        ("Special:Version", "made by the wiki's software"),
        ("[Halda]", "is no title"),
    ],
)
def test_what_is_no_article_is_told_with_a_cure(title, told, wiki, tmp_path):
    with pytest.raises(SourceError, match=told):
        fetch_page(f"{wiki}/index.php/{title}", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_revision_can_be_named_by_its_number(wiki, tmp_path):
    revision = read(f"{wiki}/index.php/Halda", tmp_path).revision
    assert read(f"{wiki}/index.php?oldid={revision}", tmp_path).title == "Halda"


def test_transcripts_give_scenes(wiki, tmp_path):
    reading = read(f"{wiki}/index.php/The_Silent_Clock/Transcript", tmp_path)
    assert [scene.title for scene in reading.scenes] == ["the hall. Evening", "the kitchen"]


def test_a_wiki_in_another_language_names_its_namespaces(tmp_path):
    with real_wiki(tmp_path / "de", "de") as wiki:
        reading = read(f"{wiki}/index.php/Halda", tmp_path / "pages")
    assert [p.text for p in reading.paragraphs] == [
        "Halda ist der mechanische Butler von Ada Quill. Er spricht höflich.",
        "“Ich sage nicht die Zeit. Ich bewahre sie.” (Halda)",
        "Er wurde in einem Keller gefunden.",
    ]
    assert reading.facts == {"name": "Halda", "beruf": "Butler"}
    assert "NC" in reading.licence
