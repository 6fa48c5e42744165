from roletune.sources.attribution import Use, render_attribution, stated_licences
from roletune.sources.cited import Cited

WIKI = Cited(
    "sources/mira.json", "authentic", "CC BY-SA 4.0", "https://wiki.example/Mira?a=<b>", "1234", "2026-03-01T10:00:00Z"
)
OWN = Cited("dialogues/scenes.md")


def test_a_page_names_every_source_that_was_used_with_its_version_and_licence():
    page = render_attribution("Mira", [Use(WIKI, passages=3), Use(OWN, dialogues=2), Use(Cited("unused.md"))])
    (row,) = [line for line in page.splitlines() if "sources/mira.json" in line]
    for told in ("https://wiki.example/Mira?a=%3Cb%3E", "revision 1234", "2026-03-01", "CC BY-SA 4.0", "| 3 | 0 |"):
        assert told in row
    assert "| dialogues/scenes.md |  |  | written | 0 | 2 |" in page
    assert "unused.md" not in page
    assert "**CC BY-SA 4.0**" in page
    assert "Commercial" not in page


def test_what_a_source_says_becomes_no_markup():
    hostile = Cited("a.md", "authentic", "MIT | x\n# <b>[y](z)</b>")
    page = render_attribution("<i>*Mira*</i>", [Use(hostile, passages=1, credits=("[x](javascript:y)\n# z",))])
    assert "\n# <b>" not in page
    assert "<i>" not in page.replace("\\<i\\>", "")
    assert "[x](" not in page.replace("\\[x\\](", "")
    assert len([line for line in page.splitlines() if line.startswith("#")]) == 1


def test_ones_own_text_needs_no_licence_and_anybody_else_s_is_unknown_without_one():
    assert stated_licences([Use(OWN, dialogues=1)]) == []
    assert stated_licences([Use(Cited("a.md", "authentic"), passages=1), Use(WIKI)]) == ["unknown"]
    assert "or it is not known" in render_attribution("Mira", [Use(Cited("a.md", "authentic"), passages=1)])


def test_licences_that_can_not_be_kept_together_are_told_on_the_page():
    uses = [Use(WIKI, passages=1), Use(Cited("b.md", "authentic", "CC BY-NC 4.0"), passages=1)]
    assert "can't both be kept" in render_attribution("Mira", uses)


def test_what_the_texts_name_as_their_sources_is_credited_once():
    page = render_attribution("Mira", [Use(OWN, passages=2, credits=("the harbour log", "the harbour log"))])
    assert page.count("- the harbour log") == 1
