import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.documents.epub import read_epub

pytest.importorskip("lxml", reason="the extra 'sources' is not installed")

CONTAINER = """<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>"""
OPF = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The Lamp</dc:title><dc:date>1901-05-01T00:00</dc:date>
<dc:rights>Public domain.</dc:rights><dc:source>https://books.example/lamp</dc:source></metadata>
<manifest><item id="two" href="text/second%20part.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="text/one.xhtml" media-type="application/xhtml+xml"/>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="css" href="a.css" media-type="text/css"/></manifest>
<spine><itemref idref="nav"/><itemref idref="one"/><itemref idref="two"/><itemref idref="css"/></spine></package>"""
ONE = """<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "xhtml11.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head><title/></head><body>
<h1>The Lamp</h1><h2>Chapter&nbsp;One</h2><!-- a remark -->
<p>Mina <i>lit</i> the lamp<a epub:type="noteref" href="#n">1</a>.<br/>It hissed.</p><p> </p>
<div>Loose words<p>and others.</p>at the end.</div><script>alert(1)</script><h3>Night</h3>
<ul><li>Wind.</li></ul></body></html>"""
TWO = "<html><body><h2>Two</h2><p>Unclosed &amp; old &eacute;.<p>Still read.</body></html>"


def epub(**changes):
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OEBPS/content.opf": OPF,
        "OEBPS/text/one.xhtml": ONE,
        "OEBPS/text/second part.xhtml": TWO,
        "OEBPS/nav.xhtml": "<html><body><p>Contents</p></body></html>",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in {**members, **changes}.items():
            if content is not None:
                archive.writestr(path, content)
    return file.getvalue()


def refused(data):
    with pytest.raises(SourceError) as error:
        read_epub(data, "lamp.epub")
    return str(error.value)


def test_a_book_is_read_in_the_order_of_its_spine_under_its_headings():
    reading = read_epub(epub(), "lamp.epub")
    assert [(p.heading, p.text) for p in reading.paragraphs] == [
        ("Chapter One", "Mina lit the lamp.\nIt hissed."),
        ("Chapter One", "Loose words"),
        ("Chapter One", "and others."),
        ("Chapter One", "at the end."),
        ("Chapter One: Night", "Wind."),
        ("Two", "Unclosed & old é."),
        ("Two", "Still read."),
    ]


def test_a_book_tells_its_title_date_source_and_rights():
    reading = read_epub(epub(), "lamp.epub")
    assert (reading.title, reading.date, reading.licence) == ("The Lamp", "1901-05-01", "Public domain.")
    assert reading.url == "https://books.example/lamp"


def test_offsets_find_each_paragraph_in_the_text():
    paragraphs = read_epub(epub(), "lamp.epub").paragraphs
    text = "\n\n".join(p.text for p in paragraphs)
    assert all(text[p.start : p.end] == p.text for p in paragraphs)


def test_a_chapter_in_an_encoding_of_its_own_is_read():
    old = TWO.replace("&eacute;", "é").replace("<html>", '<html><head><meta charset="latin-1"></head>')
    book = epub(**{"OEBPS/text/second part.xhtml": old.encode("latin-1")})
    assert read_epub(book, "lamp.epub").paragraphs[-2].text == "Unclosed & old é."


def test_a_missing_chapter_is_told():
    reading = read_epub(epub(**{"OEBPS/text/second part.xhtml": None}), "lamp.epub")
    assert reading.paragraphs[-1].text == "Wind."
    assert "second part.xhtml is not in the book" in reading.notices[0]


def encryption(path):
    return f"""<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"
    xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData><enc:CipherData>
    <enc:CipherReference URI="{path}"/></enc:CipherData></enc:EncryptedData></encryption>"""


def test_a_book_locked_by_drm_is_told_and_one_with_scrambled_fonts_is_read():
    locked = epub(**{"META-INF/encryption.xml": encryption("OEBPS/text/second%20part.xhtml")})
    assert "is locked by DRM. Export it" in refused(locked)
    fonts = epub(**{"META-INF/encryption.xml": encryption("OEBPS/fonts/a.otf")})
    assert len(read_epub(fonts, "lamp.epub").paragraphs) == 7


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("member", ["META-INF/container.xml", "OEBPS/content.opf", "OEBPS/text/one.xhtml"])
def test_entities_are_refused_wherever_they_are(member):
    text = {"META-INF/container.xml": CONTAINER, "OEBPS/content.opf": OPF, "OEBPS/text/one.xhtml": ONE}[member]
    bomb = BOMB + text.partition("?>")[2].replace(
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "xhtml11.dtd">', ""
    )
    assert "declares XML entities" in refused(epub(**{member: bomb}))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"OEBPS/text/one.xhtml": b" " * 11_000_000}, "unpacks to over 10,000,000 bytes"),
        ({"../../evil.xhtml": "x"}, "names a path outside"),
        ({"META-INF/container.xml": None}, "lacks META-INF/container.xml"),
        ({"META-INF/container.xml": "<container/>"}, "does not say where"),
        ({"META-INF/container.xml": "<container"}, "no well-formed XML"),
        ({"OEBPS/content.opf": "<package/>"}, "holds no text"),
    ],
    ids=["bomb", "slip", "no container", "empty container", "broken container", "empty package"],
)
def test_a_hostile_or_damaged_book_is_told(changes, fault):
    assert fault in refused(epub(**changes))


def test_a_file_that_is_no_book_is_told():
    assert "is damaged" in refused(b"PK\x03\x04 and nothing else")
    assert "is damaged" in refused(epub()[:-40])


def test_a_chapter_nested_too_deep_is_refused_or_read_in_part():
    deep = "<html><body>" + "<div>" * 100_000 + "<p>x</p>"
    try:
        read_epub(epub(**{"OEBPS/text/one.xhtml": deep}), "lamp.epub")
    except SourceError as error:
        str(error).index("lamp.epub")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), max_size=5), st.integers(0, 5_000))
def test_a_book_with_wrong_bytes_is_read_or_an_error_that_names_it(changes, cut):
    data = bytearray(epub())
    for place, value in changes:
        data[place % len(data)] = value
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        try:
            read_epub(damaged, "lamp.epub")
        except SourceError as error:
            str(error).index("lamp.epub")


@settings(max_examples=100, deadline=None)
@given(st.text("<>/ph1abr &;!-", max_size=120))
def test_any_chapter_is_read_or_an_error_that_names_the_book(body):
    try:
        read_epub(epub(**{"OEBPS/text/one.xhtml": f"<html><body>{body}</body></html>"}), "lamp.epub")
    except SourceError as error:
        str(error).index("lamp.epub")
