"""Cards exchanged with packages that nobody here wrote; what they lose is written down, so that a change is noticed."""

import json

import pytest

from roletune.sources.cards.card import parse_card, write_card, write_card_json
from roletune.sources.cards.png import plain_picture

CARD = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        "name": "Zoë Ängström",
        "nickname": "Zo",
        "description": "She maps 星 and tides.",
        "personality": "Brisk.",
        "scenario": "At sea.",
        "first_mes": "Hold this.",
        "mes_example": "<START>\n{{user}}: Why?\n{{char}}: Maps.",
        "alternate_greetings": ["Again?"],
        "tags": ["sea"],
        "extensions": {"tool/x": {"deep": [1, None]}},
        "source": ["https://cards.example/1"],
        "assets": [{"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}],
        "odd": {"kept": True},
        "character_book": {
            "extensions": {"b": 1},
            "entries": [{"keys": ["tide"], "content": "It turns.", "enabled": True, "insertion_order": 1, "odd": 2}],
        },
    },
}
TOLD = ("name", "description", "personality", "scenario", "first_mes", "mes_example", "alternate_greetings", "tags")


def ours():
    return parse_card(json.dumps(CARD).encode(), "c.json")


@pytest.fixture
def tavern_card():
    return pytest.importorskip("tavern_card", reason="the package tavern-card is not installed")


@pytest.fixture
def forge():
    return pytest.importorskip("forge.helper", reason="the package card-forge is not installed")


def told(data):
    return {field: data[field] for field in TOLD}


@pytest.mark.parametrize("portrait", [None, plain_picture(5, 4)], ids=["grey", "portrait"])
def test_tavern_card_reads_our_picture(tavern_card, portrait):
    read = tavern_card.parse_png_card(write_card(ours(), portrait))
    assert told(read["data"]) == told(CARD["data"])
    assert read["data"]["extensions"] == CARD["data"]["extensions"]


@pytest.mark.parametrize("version", [2, 3])
def test_tavern_card_reads_our_json(tavern_card, version):
    assert told(tavern_card.parse_card(write_card_json(ours(), version))["data"]) == told(CARD["data"])


def test_what_tavern_card_writes_is_read_here_without_what_it_lost(tavern_card):
    png = tavern_card.write_png_card(tavern_card.parse_png_card(write_card(ours())), plain_picture(5, 4))
    card = parse_card(png, "t.png").as_v3()
    assert told(card["data"]) == told(CARD["data"])
    lost = {key for key in CARD["data"] if key not in card["data"]}
    assert lost == {"nickname", "source", "assets", "odd"}  # it keeps the fields of V2 alone


def test_a_card_written_over_theirs_replaces_it(tavern_card):
    theirs = tavern_card.write_png_card(tavern_card.parse_card({"name": "Old"}), plain_picture(5, 4))
    assert tavern_card.parse_png_card(write_card(ours(), theirs))["data"]["name"] == "Zoë Ängström"


def test_card_forge_reads_our_picture_as_v3(forge, tmp_path):
    path = tmp_path / "c.png"
    path.write_bytes(write_card(ours(), plain_picture(5, 4)))
    card = forge.extract_card_data(path)
    assert card.spec == "chara_card_v3"
    assert told(card.data.model_dump()) == told(CARD["data"])
    assert (card.data.nickname, card.data.assets[0].uri) == ("Zo", "ccdefault:")
    assert card.data.character_book.entries[0].content == "It turns."


def test_what_card_forge_writes_is_read_here_without_what_it_lost(forge, tmp_path):
    (tmp_path / "c.png").write_bytes(write_card(ours(), plain_picture(5, 4)))
    card = forge.extract_card_data(tmp_path / "c.png")
    forge.embed_card_data(card.model_dump_json(), tmp_path / "c.png", tmp_path / "d.png", legacy=True)
    read = parse_card((tmp_path / "d.png").read_bytes(), "d.png").as_v3()["data"]
    assert told(read) == told(CARD["data"])
    assert (read["nickname"], read["extensions"]) == ("Zo", CARD["data"]["extensions"])
    # Its models drop the keys they don't know.
    assert "odd" not in read
    assert "odd" not in read["character_book"]["entries"][0]


def test_pillow_sees_the_same_pixels_and_both_texts(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    (tmp_path / "a.png").write_bytes(plain_picture(5, 4))
    (tmp_path / "b.png").write_bytes(write_card(ours(), plain_picture(5, 4)))
    with image.open(tmp_path / "a.png") as before, image.open(tmp_path / "b.png") as after:
        assert before.tobytes() == after.tobytes()
        assert {"chara", "ccv3"} <= set(after.text)
