import json

import pytest

from roletune.errors import SourceError
from roletune.sources.role_cards import QUERY, read_role_cards


def label(text, language="en"):
    return {language: {"language": language, "value": text}}


def item(key):
    return {"mainsnak": {"datavalue": {"value": {"id": key, "entity-type": "item"}}}}


ADA = {
    "type": "item",
    "id": "Q7259",
    "labels": label("Ada Lovelace"),
    "descriptions": label("English mathematician"),
    "aliases": {"en": [{"language": "en", "value": "Augusta Ada King"}]},
    "sitelinks": {"enwiki": {"title": "Ada Lovelace (mathematician)"}},
    "claims": {
        "P31": [item("Q5")],
        "P106": [item("Q170790"), item("Q999")],
        "P569": [{"mainsnak": {"datavalue": {"value": {"time": "+1815-12-10T00:00:00Z"}}}}],
        "P570": [{"mainsnak": {"snaktype": "somevalue"}}],
        "P1477": [{"mainsnak": {"datavalue": {"value": {"text": "Augusta Ada Byron", "language": "en"}}}}],
    },
}
NAMES = [
    {"type": "property", "id": "P106", "labels": label("occupation")},
    {"type": "property", "id": "P569", "labels": label("date of birth")},
    {"type": "property", "id": "P1477", "labels": label("birth name")},
    {"type": "item", "id": "Q170790", "labels": label("mathematician")},
]
TOWN = {**ADA, "id": "Q1", "labels": label("London"), "claims": {"P31": [item("Q515")]}}
ARTICLE = {"query": {"pages": {"974": {"title": "Ada Lovelace (mathematician)", "extract": "She wrote notes."}}}}


def written(tmp_path, **files):
    for name, value in files.items():
        (tmp_path / f"{name}.json").write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "form",
    [
        {"entities": {one["id"]: one for one in (ADA, TOWN, *NAMES)}},
        [ADA, TOWN, *NAMES],
        "[\n" + ",\n".join(json.dumps(one) for one in (ADA, TOWN, *NAMES)) + ",\n]\n",
    ],
    ids=["EntityData", "list", "dump"],
)
def test_an_entity_is_a_card_with_its_claims_in_words_and_its_article(tmp_path, form):
    (card,) = read_role_cards(written(tmp_path, ada=form, article=ARTICLE), "en")
    assert (card.name, card.description, card.aliases) == (
        "Ada Lovelace",
        "English mathematician",
        ("Augusta Ada King",),
    )
    assert card.facts == ("occupation: mathematician", "date of birth: 1815-12-10", "birth name: Augusta Ada Byron")
    assert (card.article, card.source) == ("She wrote notes.", "wikidata:Q7259")


def test_the_answer_to_the_query_gives_cards(tmp_path):
    row = {"item": "http://www.wikidata.org/entity/Q2", "itemLabel": "Robin", "itemDescription": "outlaw"}
    rows = {"results": {"bindings": [{name: {"value": text} for name, text in row.items()}, {"itemLabel": {}}]}}
    (card,) = read_role_cards(written(tmp_path, rows=rows), "en")
    assert (card.name, card.description, card.source) == ("Robin", "outlaw", "wikidata:Q2")
    assert all(f"?{name}" in QUERY.read_text("utf-8") for name in row)


def test_cards_of_ones_own_are_read_and_mistakes_in_them_are_told(tmp_path):
    own = [
        {"name": "Olaf", "description": "the postman"},
        {"name": "Eva", "description": "a diver", "facts": ["sea: yes"]},
    ]
    assert [card.name for card in read_role_cards(written(tmp_path, own=own), "en")] == ["Eva", "Olaf"]
    with pytest.raises(SourceError, match="'Olaf' can't be used: job"):
        read_role_cards(written(tmp_path, own=[{**own[0], "job": "post"}]), "en")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "nothing", '{"entities": {"Q1": 5}}', '{"results": {"bindings": []}}']
)
def test_files_without_a_role_are_told(tmp_path, text):
    with pytest.raises(SourceError, match=r"no roles|not JSON"):
        read_role_cards(written(tmp_path, x=text), "en")


def test_a_language_without_a_label_gives_no_card(tmp_path):
    with pytest.raises(SourceError, match="no roles"):
        read_role_cards(written(tmp_path, ada=ADA), "zh")
