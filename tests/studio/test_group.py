"""Several characters in one scene of the studio: who speaks, who knows what, and what is kept of it."""

import shutil

import pytest
from tests.studio.stage import make_stage, on_stage

from roletune.errors import EndpointError, ProjectError, ReplyError, SourceError
from roletune.inference.settings import GroupSettings
from roletune.llm.scripted import ScriptedModel
from roletune.studio.group import again, begin, go_on, kept, resume, stop

SECRET = "The key is under the third rung."


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("group")
    return [make_stage(folder / name.lower(), name=name, reported=False) for name in ("Mira", "Bishop")]


@pytest.fixture
def folders(made):
    shutil.rmtree(made[0] / "journal", ignore_errors=True)
    return made


def play(work, folders, script=None):
    """`await work(troupe)`, and what the characters' model was asked."""
    model = ScriptedModel(script or (lambda request: f"Line {len(model.requests)}."))
    wind = ScriptedModel(lambda _: "The wind turns.")
    return on_stage(work, *folders, character=model, base=wind), model.requests


def everybody(troupe, **given):
    return begin(troupe, ["mira", "bishop"], person="Olaf", **given)


async def on(troupe, group, who=""):
    async for now in go_on(troupe, group, 1.0, who):
        group = now
    return group


def lines(group):
    return [f"{turn.speaker}: {turn.text}" if turn.speaker else turn.text for turn in group.gathering.turns]


def told(request):
    return "\n".join(message["content"] for message in request.messages)


def test_who_is_named_answers_and_else_who_was_silent_longest(folders):
    async def work(troupe):
        group = await on(troupe, everybody(troupe).say("Bishop, who goes there?"))
        return await on(troupe, group)

    group, _ = play(work, folders)
    assert lines(group) == ["Olaf: Bishop, who goes there?", "Bishop: Line 1.", "Mira: Line 2."]


@pytest.mark.parametrize("resumed", [False, True])
def test_who_was_away_or_not_spoken_to_is_never_told(folders, resumed):
    async def work(troupe):
        group = await on(troupe, everybody(troupe).say(f"Mira: {SECRET}", ["Mira"]))
        group = await on(troupe, group.with_present(["Mira"]).happens("Olaf hides the lamp.").say("Well, Mira?"))
        group = group.with_present(["Mira", "Bishop"])
        if resumed:
            (name,) = kept(troupe)
            assert lines(resume(troupe, name)) == lines(group)[:-1]  # it is kept with the next line
            group = resume(troupe, name).with_present(["Mira", "Bishop"])
        return await on(troupe, group.say("Bishop, what did you see?"))

    group, requests = play(work, folders)
    assert SECRET in told(requests[0])
    asked = told(requests[-1])
    assert "what did you see?" in asked
    for unheard in (SECRET, "Line 1.", "hides the lamp", "Well, Mira?"):
        assert unheard not in asked
    seen = [turn.text for turn in group.seen(group.gathering, "Bishop")]
    assert not {SECRET, "Olaf hides the lamp."} & set(seen)


def test_a_whisper_to_somebody_who_has_left_is_refused(folders):
    async def work(troupe):
        return everybody(troupe).with_present(["Bishop"]).say(SECRET, ["Mira"])

    with pytest.raises(ProjectError, match="Mira is not in the room"):
        play(work, folders)


def test_another_answer_and_back(folders):
    async def work(troupe):
        group = await on(troupe, everybody(troupe).say("Mira?"))
        async for now in again(troupe, group, 1.0):
            group = now
        return group

    group, _ = play(work, folders)
    assert lines(group) == ["Olaf: Mira?", "Mira: Line 2."]
    assert lines(group.choose(0)) == ["Olaf: Mira?", "Mira: Line 1."]
    assert lines(group.taken_back()) == []


def test_a_line_that_is_stopped_is_kept_as_far_as_it_came(folders):
    async def work(troupe):
        speaking = go_on(troupe, everybody(troupe).say("Mira?"), 1.0)
        states = [await anext(speaking), await anext(speaking)]
        await speaking.aclose()
        return stop(troupe, states[0]), stop(troupe, states[1])

    (before, stopped), _ = play(work, folders)
    assert lines(before) == ["Olaf: Mira?"]
    assert lines(stopped) == ["Olaf: Mira?", "Mira: Line"]


def test_of_a_line_that_fails_nothing_stays_and_the_one_before_it_does(folders):
    async def work(troupe):
        speaking, group = go_on(troupe, everybody(troupe).say("Mira, Bishop?"), 1.0), None
        try:
            async for now in speaking:
                group = now
        except EndpointError:
            return group.silent()

    group, _ = play(work, folders, ["Here.", EndpointError("The model is gone.")])
    assert lines(group) == ["Olaf: Mira, Bishop?", "Mira: Here."]


def test_a_narrator_tells_what_happens_without_an_adapter(folders):
    async def work(troupe):
        return await on(troupe, everybody(troupe, settings=GroupSettings(narrator=True)).say("Hush."), "Narrator")

    group, requests = play(work, folders)
    assert lines(group) == ["Olaf: Hush.", "The wind turns."]
    assert requests == []


def test_thoughts_are_asked_for_and_shown_only_if_wanted(folders):
    async def work(troupe):
        hidden = await on(troupe, everybody(troupe).say("Mira?"))
        return hidden, await on(troupe, everybody(troupe).thinking(True).say("Mira?"))

    (hidden, shown), _ = play(work, folders, lambda _: "<thought>He lies.</thought>Sit down.")
    assert lines(hidden) == ["Olaf: Mira?", "Mira: Sit down."]
    assert [turn.text for turn in shown.seen(shown.gathering, "Mira")] == ["Mira?", "He lies.", "Sit down."]
    assert [turn.text for turn in shown.seen(shown.gathering, "Bishop")] == ["Mira?", "Sit down."]
    assert "He lies." not in str(shown.thinking(False).seen(shown.gathering))


def test_what_can_not_be_is_said_with_its_cure(folders):
    async def work(troupe):
        group = everybody(troupe)
        with pytest.raises(ProjectError, match="Let somebody come in"):
            group.with_present([]).say("Hello?")
        with pytest.raises(ProjectError, match="two characters or more"):
            begin(troupe, ["mira"])
        with pytest.raises(ProjectError, match="needs a name of its own"):
            begin(troupe, ["mira", "bishop"], person="Mira")
        with pytest.raises(ReplyError, match="Mira said nothing"):
            await on(troupe, group.say("Mira?"))
        with pytest.raises(ProjectError, match="no such scene"):
            resume(troupe, "mira/../../character")
        broken = folders[0] / "journal" / "chats" / "broken.json"
        broken.parent.mkdir(parents=True, exist_ok=True)
        broken.write_text("{}", "utf-8")
        with pytest.raises(SourceError, match="no scene that was kept"):
            resume(troupe, "mira/broken")

    play(work, folders, lambda _: " ")


def test_a_scene_is_not_gone_on_with_where_somebody_in_it_is_missing(folders):
    async def keep(troupe):
        await on(troupe, everybody(troupe).say("Mira?"))

    async def look(troupe):
        (name,) = kept(troupe)
        with pytest.raises(ProjectError, match="Bishop is in this scene, and is not here"):
            resume(troupe, name)

    play(keep, folders)
    play(look, folders[:1])
