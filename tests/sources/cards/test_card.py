import base64
import io
import json
import zipfile

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.cards.card import parse_card, read_card, write_card, write_card_json
from roletune.sources.cards.lorebook import Entry, Lorebook
from roletune.sources.cards.model import FLAT_NAMES, Card, CardData
from roletune.sources.cards.png import SIGNATURE, make_chunk, plain_picture, read_texts, write_texts

V2 = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Mina Vale",
        "description": "{{char}} keeps the lighthouse.\n\nShe knows {{user}} from {{random:school,the sea}}.",
        "personality": "Dry, patient.",
        "scenario": "A storm is near.",
        "first_mes": '*She lifts the lamp.* "You are late."',
        "mes_example": "<START>\n{{user}}: Is it safe?\n{{char}}: *laughs* No.\nNot tonight.\n"
        "<START>\n{{user}}: Why stay?\n{{char}}: Ships.",
        "creator_notes": "none",
        "system_prompt": "Be {{char}}.",
        "post_history_instructions": "",
        "alternate_greetings": ["Come in, and shut the door."],
        "tags": ["sea", "quiet"],
        "creator": "somebody",
        "character_version": "1.2",
        "extensions": {"other/tool": {"depth": [1, {"kept": None}]}},
        "character_book": {
            "extensions": {},
            "entries": [
                {"keys": ["lamp"], "content": "@@depth 4\n@@@role user\nThe lamp of {{char}} is older than the town.",
                 "extensions": {}, "enabled": True, "insertion_order": 3, "name": "The lamp"},
                {"keys": ["cellar"], "content": "Nobody goes there.", "extensions": {}, "enabled": False,
                 "insertion_order": 4},
            ],
        },
    },
}  # fmt: skip


def as_bytes(document):
    return json.dumps(document).encode()


def documents_in(png):
    texts = read_texts(png, ("chara", "ccv3"), "x.png")
    return {keyword: json.loads(base64.b64decode(text)) for keyword, text in texts.items()}


def charx(document, **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", json.dumps(document))
        for path, content in members.items():
            archive.writestr(path, content)
    return file.getvalue()


def refused(data, name="mina.json", reader=read_card):
    with pytest.raises(SourceError) as error:
        reader(data, name)
    return str(error.value)


def test_a_card_tells_paragraphs_with_their_fields_as_headings_and_macros_replaced():
    reading = read_card(as_bytes(V2), "mina.json")
    assert reading.title == "Mina Vale"
    assert [(p.heading, p.text) for p in reading.paragraphs] == [
        ("Description", "Mina Vale keeps the lighthouse."),
        ("Description", "She knows User from school."),
        ("Personality", "Dry, patient."),
        ("Scenario", "A storm is near."),
        ("The lamp", "The lamp of Mina Vale is older than the town."),
    ]
    assert reading.facts == {"tags": "sea, quiet", "creator": "somebody", "version": "1.2"}


def test_examples_and_greetings_are_scenes_with_actions_apart():
    scenes = read_card(as_bytes(V2), "mina.json").scenes
    told = {scene.title: [(turn.speaker, turn.kind, turn.text) for turn in scene.turns] for scene in scenes}
    assert told == {
        "Example 1": [
            ("User", "speech", "Is it safe?"),
            ("Mina Vale", "action", "laughs"),
            ("Mina Vale", "speech", "No.\nNot tonight."),
        ],
        "Example 2": [("User", "speech", "Why stay?"), ("Mina Vale", "speech", "Ships.")],
        "Greeting": [("Mina Vale", "action", "She lifts the lamp."), ("Mina Vale", "speech", "You are late.")],
        "Greeting 2": [("Mina Vale", "speech", "Come in, and shut the door.")],
    }


def test_what_is_left_out_is_told():
    notices = " ".join(read_card(as_bytes(V2), "mina.json").notices)
    assert "system_prompt are instructions" in notices
    assert "1 lorebook entries are switched off" in notices


def test_a_nickname_stands_for_char_but_not_for_the_title():
    data = {"name": "Mina Vale", "nickname": "Min", "description": "<BOT> and {{CHAR}} and {{User}}."}
    reading = read_card(as_bytes({"spec": "chara_card_v3", "spec_version": "3.0", "data": data}), "c.json")
    assert (reading.title, reading.paragraphs[0].text) == ("Mina Vale", "Min and Min and User.")
    assert reading.facts["nickname"] == "Min"


def test_a_newer_specification_is_read_with_a_notice():
    card = {"spec": "chara_card_v3", "spec_version": "3.5", "data": {"name": "A", "description": "B."}}
    reading = read_card(as_bytes(card), "c.json")
    assert reading.paragraphs
    assert "newer than what is known" in reading.notices[0]
    assert documents_in(write_card(parse_card(as_bytes(card), "c.json")))["ccv3"]["spec_version"] == "3.5"


def test_source_and_dates_of_a_card_are_kept():
    data = {"name": "A", "description": "B.", "source": ["id-7", "https://cards.example/7"], "creation_date": 86400}
    reading = read_card(as_bytes({"spec": "chara_card_v3", "spec_version": "3.0", "data": data}), "c.json")
    assert (reading.url, reading.date) == ("https://cards.example/7", "1970-01-02")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (as_bytes({"name": "Mina", "description": "Tall.", "first_mes": "Hello."}), "v1.json"),
        (as_bytes({"char_name": "Mina", "char_persona": "Tall.", "char_greeting": "Hello."}), "pygmalion.json"),
        (b"name: Mina\ncontext: Tall.\ngreeting: Hello.\n", "plain.yaml"),
        (charx({"spec": "x", "data": {"name": "Mina", "description": "Tall.", "first_mes": "Hello."}}), "c.charx"),
    ],
    ids=["v1", "pygmalion", "yaml", "charx"],
)
def test_every_format_gives_the_same_card(data, name):
    card = parse_card(data, name)
    assert (card.data.name, card.data.description, card.data.first_mes) == ("Mina", "Tall.", "Hello.")


def test_a_png_holds_both_versions_and_its_picture_stays():
    portrait = plain_picture(3, 2)
    png = write_card(parse_card(as_bytes(V2), "mina.json"), portrait)
    written = documents_in(png)
    assert (written["chara"]["spec"], written["ccv3"]["spec"]) == ("chara_card_v2", "chara_card_v3")
    assert written["ccv3"]["data"]["group_only_greetings"] == []
    assert png.startswith(portrait[: -len(make_chunk(b"IEND", b""))])
    assert png.endswith(make_chunk(b"IEND", b""))
    assert write_card(parse_card(png, "mina.png"), png) == png


def test_decorators_stay_in_v3_and_are_stripped_from_v2():
    written = documents_in(write_card(parse_card(as_bytes(V2), "mina.json")))
    contents = {keyword: card["data"]["character_book"]["entries"][0]["content"] for keyword, card in written.items()}
    assert contents["ccv3"].startswith("@@depth 4\n@@@role user\n")
    assert contents["chara"] == "The lamp of {{char}} is older than the town."


def test_v2_has_every_key_that_its_readers_insist_on():
    written = json.loads(write_card_json(parse_card(as_bytes({"name": "Mina"}), "v1.json"), version=2))
    assert {"alternate_greetings", "tags", "extensions", "system_prompt", "creator"} <= set(written["data"])
    assert "character_book" not in written["data"]


def test_what_only_the_older_of_two_cards_in_a_picture_has_is_kept():
    v3 = {"spec": "chara_card_v3", "spec_version": "3.0", "data": {"name": "New", "extensions": {"b": 2}}}
    old = {"name": "Old", "odd": 1, "extensions": {"a": 1}}
    v2 = {"spec": "chara_card_v2", "spec_version": "2.0", "fav": True, "data": old}
    packed = {key: base64.b64encode(as_bytes(card)) for key, card in (("ccv3", v3), ("Chara", v2))}
    card = parse_card(write_texts(plain_picture(), packed, "p"), "p.png").as_v3()
    assert card["data"]["name"] == "New"
    assert (card["fav"], card["data"]["odd"], card["data"]["extensions"]) == (True, 1, {"b": 2, "a": 1})


def test_values_of_another_type_are_read_for_what_they_mean():
    book = {"entries": {"0": {"keys": ["k"], "content": "C", "enabled": 1}}}
    data = {"name": 7, "description": None, "tags": "sea, quiet", "alternate_greetings": "One, two."}
    data |= {"extensions": None, "character_book": book}
    card = parse_card(as_bytes({"spec": "chara_card_v2", "data": data}), "c.json").data
    assert (card.name, card.description, card.tags, card.alternate_greetings) == (
        "7",
        "",
        ["sea", "quiet"],
        ["One, two."],
    )
    assert card.character_book.entries[0].enabled is True


def test_a_changed_card_is_written_with_the_change_and_all_else():
    card = parse_card(as_bytes(V2), "mina.json")
    changed = card.model_copy(update={"data": card.data.model_copy(update={"nickname": "Min", "tags": []})})
    written = changed.as_v3()
    assert (written["data"]["nickname"], written["data"]["tags"]) == ("Min", [])
    assert written["data"]["extensions"] == V2["data"]["extensions"]


# --- nothing is lost ---------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KEYS = st.one_of(
    TEXTS, st.sampled_from(["model_config", "model_dump", "_order", "__class__", "document", "data", "self"])
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
KNOWN = {*Card.model_fields, *CardData.model_fields, *Lorebook.model_fields, *Entry.model_fields, *FLAT_NAMES}
EXTRAS = st.dictionaries(KEYS.filter(lambda key: key not in KNOWN), VALUES, max_size=4)


def mixed(draw, known, extras):
    return dict(draw(st.permutations([*{**extras, **known}.items()])))


@st.composite
def cards(draw):
    """Cards of all versions, with unknown keys at every level, in any order."""
    extra = [draw(EXTRAS) for _ in range(6)]
    entry = mixed(
        draw, {"keys": ["k"], "content": "@@depth 1\nC", "extensions": draw(EXTRAS), "enabled": True}, extra[0]
    )
    book = mixed(draw, {"entries": [entry], "extensions": extra[1]}, extra[2])
    data = mixed(draw, {"name": "Mina", "extensions": extra[3], "character_book": book}, extra[4])
    version = draw(st.sampled_from([2, 3]))
    return mixed(draw, {"spec": f"chara_card_v{version}", "spec_version": f"{version}.0", "data": data}, extra[5])


def lost(before, after, path=""):
    """Every key that is missing, changed or out of its order; `after` may have more, and its own specification."""
    if isinstance(before, dict) and isinstance(after, dict):
        order = [key for key in after if key in before]
        faults = [] if order == list(before) else [f"{path}: {list(before)} became {order}"]
        return faults + [
            fault
            for key in before
            if key in after and not (path == "" and key in ("spec", "spec_version"))
            for fault in lost(before[key], after[key], f"{path}/{key}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [fault for n, pair in enumerate(zip(before, after, strict=True)) for fault in lost(*pair, f"{path}/{n}")]
    return [] if (type(before), before) == (type(after), after) else [f"{path}: {before!r} became {after!r}"]


def test_the_comparison_itself_notices_a_loss():
    assert lost({"a": {"b": 1}}, {"a": {}})
    assert lost({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert lost({"a": [1]}, {"a": [True]})


@settings(max_examples=100, deadline=None)
@given(cards())
def test_no_key_is_lost_or_moved_however_a_card_is_written(document):
    card = parse_card(as_bytes(document), "c.json")
    png = write_card(card)
    again = parse_card(png, "c.png")
    assert lost(document, documents_in(png)["ccv3"]) == []
    assert lost(document, json.loads(write_card_json(again))) == []
    plain = json.loads(json.dumps(document))
    plain["data"]["character_book"]["entries"][0]["content"] = "C"
    assert lost(plain, documents_in(png)["chara"]) == []


@settings(max_examples=100, deadline=None)
@given(EXTRAS)
def test_a_flat_card_keeps_its_unknown_keys_among_the_fields(extras):
    card = parse_card(as_bytes({**extras, "name": "Mina"}), "c.json")
    assert lost({**extras, "name": "Mina"}, card.as_v3()["data"]) == []


@settings(max_examples=100, deadline=None)
@given(EXTRAS)
def test_a_card_in_yaml_keeps_its_unknown_keys(extras):
    document = json.loads(json.dumps({"name": "Mina", "odd": extras}))
    text = yaml.safe_dump(document, sort_keys=False)
    assert lost(document, parse_card(text.encode(), "c.yaml").as_v3()["data"]) == []


# --- hostile and damaged files ---------------------------------------------------------------------------------------


def test_truncated_json_is_called_cut_off_with_its_place():
    message = refused(as_bytes(V2)[:-40])
    assert "is cut off" in message
    assert "line 1, column" in message


def test_a_mistake_within_json_is_not_called_cut_off():
    assert "is no valid JSON" in refused(b'{"name": "A" "b": 1}')


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"[" * 100_000, "nested more than 100 deep"),
        (b'{"name":"a","x":' + b"[" * 300 + b"]" * 300 + b"}", "nested more than 100 deep"),
        (b'{"name": "a", "x": NaN}', "number that JSON can't keep"),
        (b'{"name": "a", "x": 1e999}', "too large"),
        (b'{"name": "a", "x": ' + b"9" * 9000 + b"}", "number that JSON can't keep"),
        (b'[{"name": "a"}]', "holds no card but a list"),
        (b'{"description": "who?"}', "names no character"),
        (b'{"name": {"first": "a"}}', "data.name"),
        (b'{"name": "' + b"a" * 300 + b'"}', "over 200 characters"),
        ('{"name": "Müller"}'.encode("latin-1"), "is not UTF-8"),
        (b"\xff\xd8\xff\xe0 picture", "JPEG or WebP"),
        (b'{"a":' + b" " * 33_000_000, "over 32 MB"),
        (b'{"name":"a","x":[' + b"[]," * 1_500_000, "over 2,000,000 values"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_hostile_json_is_refused_with_a_reason(data, fault):
    assert fault in refused(data)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"a: &a [x,x]\nb: &b [*a,*a]\nname: *b\n", "alias"),
        (b"name: [unclosed\n", "no valid YAML"),
        (b"name: a\nx: " + b"[" * 20_000, "nested more than 100 deep"),
        (b"name: a\nx: !!python/object/apply:os.system [ls]\n", "no valid YAML"),
        (b"name: a\nx: .nan\n", "no finite number"),
        (b"? [a, b]\n: c\n", "key that is no text"),
        (b"just words", "holds no card but a str"),
        (b"\x00\x01\x02", "no text but binary data"),
        (b"name: a\nx: !!int zero\n", "can't be read"),
        (b"name: " + b"a" * 2_000_001, "over 2 MB"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_hostile_yaml_is_refused_with_a_reason(data, fault):
    assert fault in refused(data, "c.yaml")


def test_dates_in_yaml_stay_the_text_they_are():
    card = parse_card(b"name: Mina\nborn: 1871-02-03\n", "c.yaml")
    assert card.as_v3()["data"]["born"] == "1871-02-03"


def test_half_a_character_does_not_stop_a_card():
    card = parse_card(b'{"name": "Mina", "x": "\\ud83d", "y": "\\ud83d\\ude00"}', "c.json")
    assert json.loads(write_card_json(card))["data"]["x"] == "?"
    assert json.loads(write_card_json(card))["data"]["y"] == "\U0001f600"


def test_macros_do_not_multiply():
    name = "{{char}}" * 20
    reading = read_card(as_bytes({"name": name, "description": "{{char}}"}), "c.json")
    assert reading.paragraphs[0].text == name
    assert "over 4 MB" in refused(as_bytes({"name": "a", "description": "{{char}}" * 600_000}))


def read_or_refuse(data, name):
    """Anything but a SourceError that names the file is a bug, and fails the test."""
    try:
        return read_card(data, name)
    except SourceError as error:
        return str(error).index(name)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(SIGNATURE.__add__)))
def test_any_bytes_are_a_card_or_an_error_that_names_the_file(data):
    for name in ("c.json", "c.yaml", "c.png"):
        read_or_refuse(data, name)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2000), st.integers(0, 255), st.booleans())
def test_a_damaged_card_is_a_card_or_an_error_that_names_the_file(place, value, in_png):
    data = bytearray(write_card(parse_card(as_bytes(V2), "c")) if in_png else as_bytes(V2))
    data[place % len(data)] = value
    read_or_refuse(bytes(data), "c.json")
    read_or_refuse(bytes(data[: place % len(data)]), "c.json")
