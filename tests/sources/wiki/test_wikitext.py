import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.wiki.shield import shield
from roletune.sources.wiki.transcript import read_wiki_transcript
from roletune.sources.wiki.wikitext import MAX_CHARS, read_wikitext


def texts(wikitext, **options):
    return [paragraph.text for paragraph in read_wikitext(wikitext, "x", **options).paragraphs]


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("A [[link]] and a [[Page|text]].", "A link and a text."),
        ("[[Ada (butler)|]] and [[:Category:Butlers]].", "Ada and Category:Butlers."),
        ("An [https://a.example outside] link.", "An outside link."),
        ("'''Bold''' and ''italic'' and '''''both'''''.", "Bold and italic and both."),
        ("One.<ref>A [[note]] {{cite web|x}}</ref> Two.<ref name=a /> Three.", "One. Two. Three."),
        ("One.<!-- hidden --> Two.", "One. Two."),
        ("&eacute;t&#233; &amp; more", "été & more"),
        ("One. [[File:A.png|thumb|A [[link]] in it]] Two.", "One. Two."),
        ("One.{{citation needed|date=2020}} {{nowrap|Two three}}.", "One. Two three."),
        ("{{lang|fr|Bonjour}}{{snd}}he says.", "Bonjour – he says."),
        ("<nowiki>'''not bold''' {{x}}</nowiki>", "'''not bold''' {{x}}"),
        ("__NOTOC__One.", "One."),
        ("<s>Gone.</s> Here.", "Here."),
        ("A<br />B", "A\nB"),
        ("* one\n** two\n# three", "- one\n- two\n- three"),
        ("{{quote|text=Hm.|author=Ada}}", "“Hm.” (Ada)"),
        ("<div class='x'>In a box.</div>", "In a box."),
    ],
)
def test_wikitext_becomes_what_a_reader_sees(wikitext, text):
    assert texts(wikitext) == [text]


@pytest.mark.parametrize(
    "wikitext",
    ["{| class=x\n! a\n| b\n|}", "[[Category:A]]", "[[de:Halda]]", "<gallery>\nA.png|B\n</gallery>", "----", "== A =="],
)
def test_tables_categories_pictures_and_headings_are_no_passages(wikitext):
    assert texts(wikitext) == []


PAGE = "Intro.\n== Life ==\nBorn.\n=== Youth ===\nYoung.\n== Death ==\nDied.\n== References ==\nNotes.\n"


def test_sections_are_picked_and_skipped_by_name():
    assert texts(PAGE) == ["Intro.", "Born.", "Young.", "Died."]
    assert texts(PAGE, pick=["life"]) == ["Born.", "Young."]
    assert texts(PAGE, pick=["Youth", "introduction"]) == ["Intro.", "Young."]
    assert texts(PAGE, pick=["References"]) == ["Notes."]
    assert texts(PAGE, skip=["Life"]) == ["Intro.", "Died."]


def test_a_section_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(SourceError, match=r"has no section 'Work'\. Pick from: introduction, Life, Youth, Death"):
        read_wikitext(PAGE, "x", pick=["Work"])


def test_headings_name_their_sections_and_those_around_them():
    assert [p.heading for p in read_wikitext(PAGE, "x").paragraphs] == ["", "Life", "Life: Youth", "Death"]


def test_templates_that_nobody_knows_are_told():
    assert read_wikitext("One. {{Strange}} {{Strange|2}}{{Odd}}", "x").notices == (
        "templates left out: Strange (2), Odd (1)",
    )


def test_a_broken_template_is_unread_with_its_line():
    page = read_wikitext("One.\n\n{{Infobox\n| name = A\n\nTwo.", "x")
    assert [p.text for p in page.paragraphs] == ["One.", "Two."]
    assert [line.number for line in page.unread] == [3, 4]


def test_facts_leave_out_how_a_box_looks():
    box = "{{Infobox\n|name=A\n|image=[[File:A.png]]\n|image_size=30px\n|colour=red\n|parents=* B\n* C\n|empty=\n}}"
    assert read_wikitext(box, "x").facts == {"name": "A", "parents": "B, C"}


def test_a_box_of_facts_without_its_name_is_one_at_the_head_of_the_page():
    assert read_wikitext("{{Robot\n|a=1\n|b=2\n|c=3\n|d=4\n}}\nText.", "x").facts == {
        "a": "1",
        "b": "2",
        "c": "3",
        "d": "4",
    }


def test_a_page_that_is_too_long_is_refused():
    with pytest.raises(SourceError, match="more than a wiki page can"):
        read_wikitext("a" * (MAX_CHARS + 1), "x")


# Each of these takes mwparserfromhell minutes when it is given as it is.
@pytest.mark.parametrize(
    "piece",
    [
        "{{a|",
        "{{a|[[b|",
        "<b>{{a|",
        "\n{|\n|-\n|a||",
        "<a b=",
        "<div a='",
        "<ref name=a/>{{",
        "[http://a ",
        "<!--",
        "<nowiki>",
    ],
)
def test_a_page_of_brackets_that_nothing_closes_is_read(piece):
    read_wikitext("Before.\n\n" + piece * 5000, "x")


def test_nesting_is_bounded():
    assert texts("One.\n\n" + "{{nowrap|" * 300 + "deep" + "}}" * 300)[0] == "One."


_SIGNS = """{{ }} [[ ]] {| |} | == ''' '' <ref> </ref> <b> </b> <!-- --> <br/> * ; : ---- a B &amp; &#0; {{{ }}}
    &#xD800; &nbsp; <nowiki> </nowiki> {{quote| {{dialogue| File: ( ) [ ] ♪ = é Infobox"""
_PIECES = st.sampled_from([*_SIGNS.split(), "\n", ": ", "[http://a b]", "\ue001", "\ue010", "\ue020"])


@settings(max_examples=100, deadline=None)
@given(st.lists(_PIECES, max_size=60).map("".join))
def test_any_wikitext_is_read_without_private_characters_and_with_offsets_inside_it(wikitext):
    assert len(shield(wikitext)) == len(wikitext)
    for reading in (read_wikitext(wikitext, "x"), read_wiki_transcript(wikitext.encode(), "transcript.wiki")):
        for paragraph in reading.paragraphs:
            assert 0 <= paragraph.start <= paragraph.end <= len(wikitext)
            assert not any("\ue000" <= sign <= "\ue0ff" for sign in paragraph.text)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read(text):
    read_wikitext(text, "x")
    read_wiki_transcript(text.replace("\0", "").encode("utf-8", "ignore"), "transcript.wiki")
