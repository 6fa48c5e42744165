"""A chat in the studio: answers to swipe through, edits, thumbs, and what is kept of them."""

import pytest
from tests.studio.stage import answers, make_stage, on_stage

from roletune.engine.store import read_records
from roletune.errors import EndpointError, ProjectError, ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.records import Thumb
from roletune.studio.talk import answer, begin, bubbles, give_opinion, stop
from roletune.verbs.thumbs import thumbs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_stage(tmp_path_factory.mktemp("talk") / "mira")


async def said(troupe, *texts, strength=1.0):
    """A chat in which these were said and answered."""
    talk = begin(troupe.player("mira"), "mira")
    for text in texts:
        talk = await whole(troupe, talk.say(text), strength)
    return talk


async def whole(troupe, talk, strength=1.0):
    async for now in answer(troupe, talk, strength):
        talk = now
    return talk


def texts(talk):
    return [turn.text for turn in talk.turns]


def test_an_answer_comes_in_pieces_and_is_then_one_turn(folder):
    async def work(troupe):
        talk = begin(troupe.player("mira"), "mira").say("Who goes there?")
        return [now async for now in answer(troupe, talk, 1.0)]

    steps = on_stage(work, folder)
    assert [texts(step)[-1] for step in steps[:2]] == ["Salty", "Salty answer"]
    assert texts(steps[-1]) == ["Who goes there?", "Salty answer number 1."]
    assert not steps[-1].partial


def test_answers_can_be_swiped_through_and_none_is_lost(folder):
    async def work(troupe):
        talk = await said(troupe, "One?")
        return await whole(troupe, await whole(troupe, talk))

    talk = on_stage(work, folder)
    assert talk.answers == tuple(f"Salty answer number {k}." for k in (1, 2, 3))
    assert texts(talk) == ["One?", "Salty answer number 3."]
    assert texts(talk.choose(0)) == ["One?", "Salty answer number 1."]
    assert talk.choose(0).choose(2) == talk
    assert talk.choose(9) is talk


def test_each_answer_is_asked_for_as_another_sample(folder):
    model = answers("Salty")

    async def work(troupe):
        return await whole(troupe, await said(troupe, "One?"))

    on_stage(work, folder, character=model)
    assert [request.sample for request in model.requests] == [0, 1]


def test_a_changed_message_drops_what_answered_it_and_a_changed_answer_stays(folder):
    async def work(troupe):
        return await said(troupe, "One?", "Two?")

    talk = on_stage(work, folder)
    asked = talk.edit(2, "Three?")
    assert texts(asked) == ["One?", "Salty answer number 1.", "Three?"]
    assert asked.conversation.awaits_answer
    told = talk.edit(1, "Hm.")
    assert texts(told) == ["One?", "Hm.", "Two?", "Salty answer number 2."]
    last = talk.edit(3, "Never.")
    assert last.answers == ("Never.",)
    assert texts(last.choose(0))[-1] == "Never."
    for place, text in ((9, "No."), (-1, "No."), (1, "  ")):
        assert talk.edit(place, text) is talk


def test_what_was_written_is_kept_by_who_stops_it(folder):
    async def work(troupe):
        talk = begin(troupe.player("mira"), "mira").say("One?")
        async for now in answer(troupe, talk, 1.0):
            if now.partial == "Salty answer":
                return stop(troupe, now, 1.0)

    talk = on_stage(work, folder)
    assert texts(talk) == ["One?", "Salty answer"]
    assert talk.answers == ("Salty answer",)


def test_a_model_that_fails_leaves_the_message_to_be_answered_again(folder):
    model = ScriptedModel([EndpointError("It is down."), "Here."])

    async def work(troupe):
        talk = begin(troupe.player("mira"), "mira").say("One?")
        with pytest.raises(EndpointError):
            await whole(troupe, talk)
        return await whole(troupe, talk)

    assert texts(on_stage(work, folder, character=model)) == ["One?", "Here."]


def test_an_empty_answer_is_told_and_not_kept(folder):
    with pytest.raises(ReplyError, match="said nothing"):
        on_stage(lambda troupe: said(troupe, "One?"), folder, character=ScriptedModel(["  "]))


def test_thumbs_are_kept_with_all_that_was_said_before(folder):
    async def work(troupe):
        talk = await whole(troupe, await said(troupe, "One?", "Two?", strength=0.5))
        talk = give_opinion(troupe, talk, 3, True)
        talk = give_opinion(troupe, talk.choose(0), 3, False)
        talk = give_opinion(troupe, talk, 1, True)
        assert give_opinion(troupe, talk, 0, True) is talk  # not one of the character's
        talk = give_opinion(troupe, talk, 1, None)
        return talk, thumbs(troupe.player("mira").bench)

    talk, kept = on_stage(work, folder)
    assert sorted((one.reply, one.good, one.strength) for one in kept.values()) == [
        ("Salty answer number 2.", False, 0.5),
        ("Salty answer number 3.", True, 1.0),
    ]
    assert len({one.moment for one in kept.values()}) == 1  # a good and a bad reply to one moment
    assert [turn.text for turn in next(iter(kept.values())).context] == ["One?", "Salty answer number 1.", "Two?"]
    assert len(read_records(folder / "journal" / "thumbs.jsonl", Thumb)) == 4
    assert set(talk.opinions) == {one.id for one in kept.values()}


def test_a_rated_reply_that_was_edited_says_so(folder):
    async def work(troupe):
        talk = (await said(troupe, "Five?")).edit(1, "Five of them, dear.")
        give_opinion(troupe, talk, 1, True)
        return [one for one in thumbs(troupe.player("mira").bench).values() if one.reply == "Five of them, dear."]

    (rating,) = on_stage(work, folder)
    assert rating.edited


def test_the_chat_is_a_script_in_the_journal_unless_that_is_off(folder, tmp_path):
    on_stage(lambda troupe: said(troupe, "Is it in the journal?"), folder)
    kept = [path.read_text("utf-8") for path in (folder / "journal" / "chats").glob("*.md")]
    assert any("Is it in the journal?" in text and "Salty answer number 1." in text for text in kept)
    quiet = make_stage(tmp_path / "mira", chat={"autosave": False})
    on_stage(lambda troupe: said(troupe, "One?"), quiet)
    assert not (quiet / "journal" / "chats").exists()


def test_what_was_told_in_one_chat_is_recalled_in_the_next_and_shown(tmp_path):
    folder, model = make_stage(tmp_path / "mira"), answers("Salty")

    async def work(troupe):
        await said(troupe, "My sister is called Ada.")
        return await said(troupe, "What is my sister called?")

    talk = on_stage(work, folder, character=model)
    assert "My sister is called Ada." in model.requests[-1].messages[-1]["content"]
    assert [note.kind for note in talk.notes] == ["memory"]
    assert texts(talk)[0] == "What is my sister called?"


def test_who_was_not_trained_says_how(tmp_path):
    folder = make_stage(tmp_path / "mira", trained=False)
    with pytest.raises(ProjectError, match="roletune run"):
        on_stage(lambda troupe: said(troupe, "One?"), folder)


def test_bubbles_are_for_who_spoke_and_shown_as_asked(folder):
    talk = on_stage(lambda troupe: said(troupe, "One?"), folder)
    assert bubbles(talk, str.upper) == [
        {"role": "user", "content": "ONE?"},
        {"role": "assistant", "content": "SALTY ANSWER NUMBER 1."},
    ]
