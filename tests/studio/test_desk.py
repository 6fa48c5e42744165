"""Rows on the desk: the decisions are those of `roletune review`, and the lock is held for each alone."""

import json

import pytest
from tests.studio.stage import make_stage, on_stage

from roletune.engine.lock import project_lock
from roletune.engine.store import read_records
from roletune.errors import DatasetError, ProjectError, ResourceError
from roletune.records import Edit
from roletune.studio import desk as desks


@pytest.fixture
def folder(tmp_path):
    return make_stage(tmp_path / "mira")


def at_desk(folder, work, stage="scenes"):
    async def session(troupe):
        return work(desks.open_desk(troupe.player("mira"), stage))

    return on_stage(session, folder)


def decisions(folder):
    return [(edit.id, edit.action) for edit in read_records(folder / "journal" / "edits.jsonl", Edit)]


def test_rows_are_accepted_rejected_and_edited(folder):
    def work(desk):
        ids = [row.id for row in desk.rows]
        desk = desks.reject(desks.accept(desk))
        changed = json.loads(desk.json) | {"location": "the pier"}
        desk = desks.edit(desk, json.dumps(changed))
        assert desk.row is None
        assert desk.counts == {"accept": 1, "edit": 1, "reject": 1}
        return ids

    first, second, third = at_desk(folder, work)
    assert decisions(folder) == [(first, "accept"), (second, "reject"), (third, "edit")]


def test_going_back_shows_the_decision_and_a_new_one_replaces_it(folder):
    def work(desk):
        back = desks.reject(desk).moved(-1)
        assert (back.place, back.decided) == (0, "reject")
        again = desks.accept(back)
        assert again.counts == {"accept": 1}
        assert desk.moved(-1).place == 0
        assert desk.moved(99).row is None

    at_desk(folder, work)


def test_an_edited_row_is_edited_further_and_not_from_the_start(folder):
    def work(desk):
        changed = json.loads(desk.json) | {"location": "the pier"}
        return json.loads(desks.edit(desk, json.dumps(changed)).moved(-1).json)

    assert at_desk(folder, work)["location"] == "the pier"


@pytest.mark.parametrize("text", ["", "{}", '{"id": "another"}', "not json"])
def test_what_is_no_such_row_is_refused_and_nothing_is_kept(folder, text):
    with pytest.raises(DatasetError):
        at_desk(folder, lambda desk: desks.edit(desk, text))
    assert not (folder / "journal" / "edits.jsonl").exists()


def test_a_decision_waits_for_nobody_who_holds_the_folder(folder):
    def work(desk):
        with project_lock(folder / "build"), pytest.raises(ResourceError, match="Another roletune"):
            desks.accept(desk)
        desks.accept(desk)  # and the lock is free again
        with project_lock(folder / "build"):
            pass

    at_desk(folder, work)


def test_stages_are_those_with_rows(folder):
    async def stages(troupe):
        return desks.stages(troupe.player("mira"))

    found = on_stage(stages, folder)
    assert {"scenes", "experiences", "dataset/train"} <= set(found)
    assert "ditto" not in found


def test_a_stage_that_is_none_is_refused(folder):
    with pytest.raises(ProjectError, match="no rows"):
        at_desk(folder, lambda desk: desk, "../../etc/passwd")
