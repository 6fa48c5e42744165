import asyncio

import pytest

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import Prompt, load_prompt
from roletune.records import Provenance, RoleCard
from roletune.synthesis.ditto import (
    AnswerCall,
    DittoSettings,
    Pair,
    Query,
    card_of,
    parse_queries,
    plan_answers,
    plan_pairs,
    told,
    unstripped,
    write_answer,
    write_queries,
)

from .made import PASSAGE, PROFILE, reply

OWN = card_of(PROFILE.model_copy(update={"passages": (PASSAGE,)}))
ADA = RoleCard(
    name="Ada",
    description="English mathematician",
    facts=("date of birth: the tenth of December 1815",),
    article="She wrote notes on an engine that was never built.",
    source="wikidata:Q7259",
)
ASKED = Provenance(source="ditto:wikidata:Q7259", request="call-0")
QUERY = Query(Pair(ADA, OWN, 0), "Which engine did you write about?", "He has none.", ASKED)
PROMPT = load_prompt("ditto")
TEXT = "Question: Which engine did you write about?\nWhy: He has none.\n\nQuestion: Who was your father?\nWhy: A poet."


def answer(role, scope, text="Mr Babbage's.", language="en", system=None):
    writer = ScriptedModel([text], name="quill")
    made = asyncio.run(
        write_answer(
            AnswerCall(QUERY, role, scope),
            writer,
            profile=PROFILE,
            prompt=load_prompt("ditto_answer", language),
            system_prompt=system or load_prompt("ditto_system", language),
            settings=DittoSettings(),
        )
    )
    return made, writer.requests[0]


def test_everybody_meets_the_character_in_both_directions_before_anybody_meets_it_twice():
    others = [ADA.model_copy(update={"name": name}) for name in ("Ada", "Bob", "Cyd", "JARVIS")]
    pairs = plan_pairs(OWN, others, DittoSettings(count=4))
    assert [pair.knows.name == "JARVIS" for pair in pairs] == [True, False] * 4
    assert {pair.stranger.name for pair in pairs[:6:2]} == {"Ada", "Bob", "Cyd"}
    assert [pair.sample for pair in pairs] == [0] * 6 + [1] * 2
    assert plan_pairs(OWN, others[::-1], DittoSettings(count=4)) == pairs
    assert plan_pairs(OWN, others, DittoSettings(count=4, seed=1)) != pairs
    assert plan_pairs(OWN, [], DittoSettings()) == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_queries_are_asked_for_with_both_cards_in_view(language):
    writer = ScriptedModel([TEXT])
    prompt = load_prompt("ditto", language)
    queries = asyncio.run(write_queries(Pair(ADA, OWN, 2), writer, prompt=prompt, settings=DittoSettings()))
    assert [(query.question, query.why) for query in queries] == [
        ("Which engine did you write about?", "He has none."),
        ("Who was your father?", "A poet."),
    ]
    (request,) = writer.requests
    assert ADA.article in request.messages[-1]["content"]
    assert PASSAGE.text in request.messages[-1]["content"]
    assert request.sample == 2
    made = queries[0].provenance
    assert (made.request, made.prompt, made.source) == (request.key("scripted"), prompt.hash, "ditto:wikidata:Q7259")


def test_what_one_role_can_answer_is_contrastive_for_the_other():
    mine = plan_answers([QUERY], OWN, DittoSettings())
    assert [(call.role.name, call.scope) for call in mine] == [("JARVIS", "contrastive")]
    everybody = plan_answers([QUERY, QUERY._replace(pair=Pair(OWN, ADA, 0))], OWN, DittoSettings(everybody=True))
    assert [(call.role.name, call.scope) for call in everybody] == [
        ("Ada", "in scope"),
        ("JARVIS", "contrastive"),
        ("JARVIS", "in scope"),
        ("Ada", "contrastive"),
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_writer_sees_the_whole_card_and_the_row_only_name_and_description(language):
    made, request = answer(ADA, "in scope", language=language)
    assert ADA.article in request.messages[0]["content"]
    assert ADA.facts[0] in request.messages[0]["content"]
    assert "English mathematician" in made.system
    assert unstripped(made.system, ADA) == ""
    assert not any(word in made.system for word in ("engine", "1815"))
    assert (made.me, made.purpose, made.category) == ("Ada", "instruction", "in scope")
    assert [turn.text for turn in made.turns] == [QUERY.question, "Mr Babbage's."]
    assert (made.scene.provenance.request, made.provenance.request) == ("call-0", request.key("scripted"))
    assert (made.notes["role"], made.notes["other"], made.notes["why"]) == ("wikidata:Q7259", "profile", "He has none.")


def test_a_contrastive_row_of_the_character_is_a_boundary_row_of_its_own():
    made, _ = answer(OWN, "contrastive", "I have written about no engine, sir.")
    assert (made.me, made.purpose, made.category) == ("", "boundary", "contrastive")


def test_a_training_prompt_with_more_of_the_card_is_refused():
    system = Prompt("s", load_prompt("ditto_system").path, f"You are {{{{ name }}}}. {ADA.article}")
    with pytest.raises(ReplyError, match="more than name and description: an engine that was never built"):
        answer(ADA, "in scope", system=system)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_answer_is_refused(text):
    with pytest.raises(ReplyError, match="an empty answer"):
        answer(ADA, "in scope", text)


def test_questions_are_taken_once_and_not_more_than_asked_for():
    assert len(parse_queries(reply(f"{TEXT}\n\n{TEXT}"), QUERY.pair, PROMPT, "quill", 9)) == 2
    assert len(parse_queries(reply(TEXT), QUERY.pair, PROMPT, "quill", 1)) == 1
    with pytest.raises(ReplyError, match="no question"):
        parse_queries(reply("I can't."), QUERY.pair, PROMPT, "quill", 3)


def test_a_long_card_is_cut_at_its_end():
    long = ADA.model_copy(update={"article": "word " * 500})
    assert len(told(long, 100).split()) == 101
    assert told(ADA, 400).endswith("never built.")
    assert len(told(ADA.model_copy(update={"article": "灯塔" * 300}), 100)) < 250
