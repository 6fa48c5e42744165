import io
import json
import struct
import zipfile

import pytest

from roletune.errors import SourceError
from roletune.sources import archive
from roletune.sources.cards.card import parse_card
from roletune.sources.cards.charx import read_portrait

CARD = {"spec": "chara_card_v3", "spec_version": "3.0", "data": {"name": "Mina", "description": "Tall.", "assets": [
    {"type": "icon", "uri": "embeded://assets/icon/images/other.png", "name": "other", "ext": "png"},
    {"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"}]}}  # fmt: skip


def zipped(members, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for path, content in members:
            made.writestr(path, content)
    return file.getvalue()


def refused(data):
    with pytest.raises(SourceError) as error:
        parse_card(data, "x.charx")
    return str(error.value)


def test_the_main_icon_is_the_portrait():
    members = [("card.json", json.dumps(CARD)), ("assets/icon/images/main.png", b"picture")]
    data = zipped(members)
    assert read_portrait(data, "x.charx") == b"picture"
    assert read_portrait(zipped(members[:1]), "x.charx") is None
    assert parse_card(data, "x.charx").as_v3()["data"]["assets"] == CARD["data"]["assets"]


def test_a_card_that_unpacks_to_too_much_is_refused():
    bomb = zipped([("card.json", b" " * 40_000_000)])
    assert len(bomb) < 100_000
    assert "unpacks to over 32,000,000 bytes" in refused(bomb)


def test_a_size_that_lies_is_of_no_use():
    data = bytearray(zipped([("card.json", b" " * 40_000_000)]))
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", 10)  # the unpacked size, as the table of contents has it
    assert "x.charx" in refused(bytes(data))


@pytest.mark.parametrize("path", ["../../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_a_path_that_leaves_the_archive_is_refused(path):
    assert "names a path outside" in refused(zipped([("card.json", json.dumps(CARD)), (path, b"x")]))


def test_too_many_members_are_refused_before_they_are_listed():
    many = zipped([("card.json", json.dumps(CARD))]) + b"PK\x01\x02" * (archive.MAX_ENTRIES + 1)
    assert "has over 20,000 members" in refused(many)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (zipped([("other.json", "{}")]), "lacks card.json"),
        (zipped([("card.json", json.dumps(CARD))])[:-30], "is damaged"),
        (zipped([("card.json", json.dumps(CARD))], zipfile.ZIP_BZIP2), "unusual way"),
        (zipped([("card.json", '{"name": "a", ')]), "card.json is cut off"),
        (b"PK\x03\x04" + bytes(archive.MAX_BYTES), "over 100 MB"),
    ],
    ids=["no card", "cut off", "bzip2", "truncated", "100 MB"],
)
def test_a_damaged_or_strange_archive_is_told(data, fault):
    assert fault in refused(data)


def test_an_encrypted_member_is_told():
    data = bytearray(zipped([("card.json", json.dumps(CARD))]))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    assert "is encrypted. Export it without a password" in refused(bytes(data))
