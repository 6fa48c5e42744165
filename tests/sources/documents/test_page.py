import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources import html_tree
from roletune.sources.documents.page import read_html, read_pdf
from roletune.sources.documents.pdf_pages import read_pages

from .pdf_sample import pdf

pytest.importorskip("trafilatura", reason="the extra 'sources' is not installed")
pytest.importorskip("pypdf", reason="the extra 'sources' is not installed")

LICENCE = "https://creativecommons.org/licenses/by-sa/4.0/"
PAGE = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mina Vale</title>
<link rel="canonical" href="https://wiki.example/mina"><link rel="license" href="{LICENCE}">
<meta property="article:published_time" content="2020-03-04T10:00:00Z"></head>
<body><nav><a href="/">Home</a> <a href="/all">All the pages of this site</a></nav><article><h1>Mina Vale</h1>
<p>Mina Vale keeps the lighthouse of a small town, and has kept it for longer than anybody there cares to say.</p>
<h2>Early life</h2>
<p>She was born inland, and saw the sea for the first time when she was twenty years old.<br>It rained.</p>
<ul><li>She has one brother.</li><li>She has no <b>dog</b>.</li></ul>
<h3>The lamp</h3><blockquote>It turns, and so do I.</blockquote>
<table><tr><th>Born</th><td>1871</td></tr><tr><th>Trade</th><td>Keeper</td></tr><tr><td>a</td><td>b</td></tr></table>
</article><footer>Copyright of nobody at all, since nobody asked.</footer></body></html>"""

FULL = "The keeper walked along the wall of the harbour until"
TEXT = [FULL, "the light came round again, and then she counted the", "boats that were still out."]


def refused(reader, data, name):
    with pytest.raises(SourceError) as error:
        reader(data, name)
    return str(error.value)


# --- HTML ------------------------------------------------------------------------------------------------------------


def test_a_page_gives_paragraphs_under_their_headings_and_no_menus():
    reading = read_html(PAGE.encode(), "mina.html")
    assert [(p.heading, p.text.split(",")[0]) for p in reading.paragraphs] == [
        ("", "Mina Vale keeps the lighthouse of a small town"),
        ("Early life", "She was born inland"),
        ("Early life", "- She has one brother.\n- She has no dog."),
        ("The lamp", "It turns"),
        ("The lamp", "a | b"),
    ]
    assert reading.paragraphs[1].text.endswith("years old.\nIt rained.")
    assert not any("Home" in p.text or "Copyright" in p.text for p in reading.paragraphs)
    assert "of the page's" in reading.notices[0]


def test_a_page_tells_its_title_address_date_licence_and_facts():
    reading = read_html(PAGE.encode(), "mina.html")
    assert (reading.title, reading.url, reading.date) == ("Mina Vale", "https://wiki.example/mina", "2020-03-04")
    assert reading.licence == LICENCE
    assert reading.facts == {"Born": "1871", "Trade": "Keeper"}


@pytest.mark.parametrize("reader", ["html", "pdf"])
def test_offsets_find_each_paragraph_in_the_text(reader):
    reading = read_html(PAGE.encode(), "x") if reader == "html" else read_pdf(pdf(TEXT, TEXT), "x")
    text = "\n\n".join(p.text for p in reading.paragraphs)
    assert reading.paragraphs
    assert all(text[p.start : p.end] == p.text for p in reading.paragraphs)


def test_the_encoding_that_a_page_declares_is_believed():
    page = PAGE.replace("utf-8", "windows-1252").replace("Mina Vale keeps", "Frau Käthe keeps")
    assert read_html(page.encode("windows-1252"), "m.html").paragraphs[0].text.startswith("Frau Käthe")


def test_an_encoding_that_is_wrong_or_unnamed_is_told():
    latin = PAGE.replace("town", "tåwn").encode("latin-1")
    assert "says that it is utf-8, and is not" in refused(read_html, latin, "m.html")
    assert "is not UTF-8" in refused(read_html, latin.replace(b'<meta charset="utf-8">', b""), "m.html")
    assert "says that it is zip" in refused(read_html, latin.replace(b"utf-8", b"zip"), "m.html")


@pytest.mark.parametrize("page", [b"", b"   ", b"<html></html>", b"<html><body><script>x</script></body></html>"])
def test_a_page_without_text_is_told(page):
    assert "Save" in refused(read_html, page, "m.html")


def test_a_page_of_an_html_bomb_is_refused_or_harmless():
    many = b"<html><body><p " + b" ".join(b"a%d=1" % n for n in range(20_000)) + b">x</p></body></html>"
    assert "over 5,000 attributes" in refused(read_html, many, "m.html")
    assert "over 10 MB" in refused(read_html, b"<p>" * (html_tree.MAX_BYTES // 3 + 1), "m.html")
    deep = PAGE.replace("<article>", "<div>" * 50_000 + "<article>")
    assert "m.html" in refused(read_html, deep.encode(), "m.html")


def test_entities_of_a_page_are_never_expanded():
    bomb = '<!DOCTYPE html [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    page = PAGE.replace("<!doctype html>", bomb).replace("longer than", "longer &b; than")
    reading = read_html(page.encode(), "m.html")
    assert "a" * 10 not in " ".join(p.text for p in reading.paragraphs)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text("<>/abhp123 =\"'&;!-[]\n", max_size=200).map(str.encode)))
def test_any_bytes_are_a_page_or_an_error_that_names_the_file(data):
    for prefix in (b"", b"<html><body>"):
        try:
            read_html(prefix + data, "m.html")
        except SourceError as error:
            str(error).index("m.html")


# --- PDF -------------------------------------------------------------------------------------------------------------


def test_a_paragraph_has_its_page_and_the_heading_above_it():
    reading = read_pdf(
        pdf(["The lamp", *TEXT, FULL, "again."], [*TEXT], info="/Title (Mina) /ModDate (D:20200304)"), "m.pdf"
    )
    assert (reading.title, reading.date) == ("Mina", "2020-03-04")
    assert [(p.heading, p.text) for p in reading.paragraphs] == [
        ("The lamp, page 1", " ".join(TEXT)),
        ("The lamp, page 1", f"{FULL} again."),
        ("The lamp, page 2", " ".join(TEXT)),
    ]


def test_running_heads_and_page_numbers_are_left_out_and_told():
    weathers = ["hail", "rain", "snow", "wind", "fog", "ice"]
    nights = [
        [f"On the night of {weather} she went up, and lit the lamp, and", f"saw {weather}."] for weather in weathers
    ]
    pages = [["The Book of Mina", *night, str(number)] for number, night in enumerate(nights, 1)]
    reading = read_pdf(pdf(*pages), "m.pdf")
    assert [p.text for p in reading.paragraphs] == [" ".join(night) for night in nights]
    assert any("left out on 6 pages: 'The Book of Mina'" in notice for notice in reading.notices)
    assert any("left out on 6 pages: 'page number'" in notice for notice in reading.notices)


def test_pages_without_text_are_told_and_a_scan_is_refused():
    reading = read_pdf(pdf(TEXT, [], TEXT), "m.pdf")
    assert any("no text on page 2" in notice for notice in reading.notices)
    assert "only pictures of it (a scan). Recognise its text first: ocrmypdf" in refused(read_pdf, pdf([], []), "m.pdf")


def encrypted(password):
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(TEXT))))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_locked_file_is_told_and_one_that_anybody_may_open_is_read():
    assert "needs a password" in refused(read_pdf, encrypted("secret"), "m.pdf")
    assert read_pdf(encrypted(""), "m.pdf").paragraphs[0].text == " ".join(TEXT)


def test_a_stream_that_unpacks_to_gigabytes_is_refused():
    bomb = pdf(TEXT, extra=b" " * 80_000_000, pack=True)
    assert len(bomb) < 200_000
    assert "m.pdf" in refused(read_pdf, bomb, "m.pdf")


def test_a_file_that_draws_without_end_is_refused():
    endless = pdf(TEXT, TEXT, extra=b"1 0 0 rg " * 800)
    assert "draws more than can be read, on page 2" in refused(lambda *file: read_pages(*file, 1_000), endless, "m.pdf")
    assert read_pages(endless, "m.pdf").pages


@pytest.mark.parametrize(
    "data", [b"", b"%PDF-1.4", b"no pdf at all", pdf(TEXT)[:200]], ids=["empty", "head", "text", "cut off"]
)
def test_a_damaged_file_is_told_with_a_cure(data):
    assert "Download it again, or mend it" in refused(read_pdf, data, "m.pdf")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), max_size=6))
def test_a_file_with_wrong_bytes_is_read_or_an_error_that_names_it(changes):
    data = bytearray(pdf(TEXT, TEXT))
    for place, value in changes:
        data[place % len(data)] = value
    try:
        read_pdf(bytes(data), "m.pdf")
    except SourceError as error:
        str(error).index("m.pdf")
