import pytest

from roletune.errors import SourceError
from roletune.sources.wiki.address import is_wiki_address, parse_address


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("wiki:Ada Lovelace", ("https", "en.wikipedia.org", "/w/", "titles", "Ada Lovelace")),
        ("wiki:de:Ada_Lovelace", ("https", "de.wikipedia.org", "/w/", "titles", "Ada Lovelace")),
        ("wiki:simple:Ada Lovelace", ("https", "simple.wikipedia.org", "/w/", "titles", "Ada Lovelace")),
        ("wiki:Alien: Covenant", ("https", "en.wikipedia.org", "/w/", "titles", "Alien: Covenant")),
        ("fandom:starwars/Yoda", ("https", "starwars.fandom.com", "/", "titles", "Yoda")),
        ("fandom:starwars/Yoda/Legends", ("https", "starwars.fandom.com", "/", "titles", "Yoda/Legends")),
        ("fandom:jedipedia/de/Yoda", ("https", "jedipedia.fandom.com", "/de/", "titles", "Yoda")),
        ("https://fr.wikipedia.org/wiki/Ad%C3%A8le#Vie", ("https", "fr.wikipedia.org", "/w/", "titles", "Adèle")),
        ("https://x.fandom.com/wiki/A_B", ("https", "x.fandom.com", "/", "titles", "A B")),
        ("https://x.fandom.com/de/wiki/A", ("https", "x.fandom.com", "/de/", "titles", "A")),
        ("http://127.0.0.1:8080/index.php/A", ("http", "127.0.0.1:8080", "/", "titles", "A")),
        ("http://h/w/index.php?title=A_B&action=edit", ("http", "h", "/w/", "titles", "A B")),
        ("http://h/w/index.php?title=A&oldid=42", ("http", "h", "/w/", "revids", "42")),
        ("http://h/w/index.php?curid=7", ("http", "h", "/w/", "pageids", "7")),
        ("https://wiki.example.org/wiki/A/B", ("https", "wiki.example.org", None, "titles", "A/B")),
    ],
)
def test_a_page_is_named_in_many_ways(address, place):
    found = parse_address(address)
    assert (found.scheme, found.host, found.path, found.key, found.value) == place
    assert is_wiki_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "wiki:",
        "fandom:starwars",
        "fandom:/Yoda",
        "Yoda",
        "ftp://h/wiki/A",
        "http://",
        "http://h/",
        "http://h:x/wiki/A",
        "http://[/wiki/A",
    ],
)
def test_anything_else_is_refused_with_the_forms_there_are(address):
    with pytest.raises(SourceError, match="wiki:de:Ada Lovelace"):
        parse_address(address)


def test_another_page_of_the_same_wiki_is_named_in_the_same_way():
    assert parse_address("wiki:de:Mercury").near("Merkur (Planet)") == "wiki:de:Merkur (Planet)"
    assert parse_address("fandom:a/de/B").near("C") == "fandom:a/de/C"
    assert parse_address("http://h:1/w/index.php/B").near("C D") == "http://h:1/w/index.php?title=C_D"
