"""What is only read: profile, training, report; everything in them escaped, and what is missing says how to get it."""

import pytest
from tests.character import make_character
from tests.evaluation.invented import curve
from tests.studio.stage import HOSTILE, finish_run, make_stage, on_stage, row

from roletune.engine.store import read_records, write_json, write_records, write_text
from roletune.project import Project
from roletune.records import Finding, Profile
from roletune.studio.talk import begin
from roletune.studio.views import current_curve, profile_view, render, report_view, training_stamp, training_view
from roletune.studio.why import behind

pytest.importorskip("tensorboard")
from roletune.training.events import read_points, tensorboard


@pytest.fixture
def project(tmp_path):
    return Project.open(make_stage(tmp_path / "mira"))


def write_curve(folder, points):
    folder.mkdir(parents=True, exist_ok=True)
    with tensorboard(folder, 0) as write:
        for point in points:
            write(point)


def test_the_profile_is_told_with_its_passages_and_findings(project):
    write_records(project.records("lint"), [Finding(check="duplicate", message=HOSTILE, where="profile.md")])
    page = profile_view(project)
    assert "<h2>Mira</h2>" in page
    assert "winds its clockwork" in page
    assert "duplicate" in page
    assert "<img" not in page
    assert "&lt;img" in page


def test_hostile_passages_are_text(project):
    (profile,) = read_records(project.records("profile"), Profile)
    passages = [passage.model_copy(update={"text": HOSTILE, "heading": HOSTILE}) for passage in profile.passages]
    write_records(project.records("profile"), [profile.model_copy(update={"passages": tuple(passages)})])
    assert "<img" not in profile_view(project)


def test_the_curve_of_a_finished_run_is_drawn_with_the_runs(project):
    page = training_view(project)
    assert "Run first" in page
    assert page.count("<svg") == 2
    assert "in use" in page
    assert "not finished" not in page


def test_the_curve_of_a_run_that_goes_on_comes_first_and_grows(project):
    points = curve(steps=20)
    folder = project.build / "runs" / "second"
    before = training_stamp(project.build)
    write_curve(folder, points[:8])
    assert training_stamp(project.build) != before
    found = current_curve(project.build)
    assert (found.run, found.going_on, found.points[-1].step) == ("second", True, 7)
    assert "not finished" in training_view(project)
    write_curve(folder, points[8:])
    assert current_curve(project.build).points[-1].step == 20


def test_events_are_read_as_they_were_written(tmp_path):
    points = curve(steps=12)
    write_curve(tmp_path / "run", points)
    read = read_points(tmp_path / "run")
    assert [point.step for point in read] == [point.step for point in points]
    for there, here in zip(read, points, strict=True):
        assert there.tokens == here.tokens
        assert there.validation_loss == pytest.approx(here.validation_loss)
        assert there.train_loss == pytest.approx(here.train_loss)
        assert there.epoch == pytest.approx(here.epoch)


def test_events_of_a_run_that_was_begun_are_seen_before_it_ends(tmp_path):
    with tensorboard(tmp_path, 0) as write:
        write(curve()[0])
        assert [point.step for point in read_points(tmp_path)] == [0]


def test_a_run_without_points_says_so(project):
    write_text(project.build / "runs" / "second" / "events.out.tfevents.1", "")
    assert "The first step is being taken" in training_view(project)


def test_what_is_missing_says_how_to_get_it(tmp_path):
    folder = make_character(tmp_path / "mira")
    project = Project.open(folder)
    assert f"roletune train {folder}" in training_view(project)
    assert f"roletune report {folder}" in report_view("mira", project)
    assert current_curve(project.build) is None


def test_the_report_is_in_a_frame_without_scripts(project):
    page = report_view("mira", project)
    assert 'src="report/mira"' in page
    assert "allow-scripts" not in page


def test_another_run_in_use_is_the_one_drawn(project):
    finish_run(project.folder, "second")
    assert current_curve(project.build).run == "second"
    write_json(project.build / "runs" / "third" / "note.json", {})  # no training
    assert current_curve(project.build).run == "second"


def test_behind_an_answer_are_the_nearest_passages_and_rows(project):
    write_records(
        project.build / "dataset" / "train.jsonl",
        [row("r1", "Is it herring again?", "Always, dear."), row("r2", "Who winds the clockwork?", HOSTILE)],
    )

    async def why(troupe):
        talk = begin(troupe.player("mira"), "mira")
        assert not behind(project, talk.conversation).passages
        return behind(project, talk.say("Who winds the clockwork?").conversation)

    found = on_stage(why, project.folder)
    assert found.passages[0].heading == "Work"
    assert [one.id for one in found.rows] == ["r2"]
    assert "<img" not in render("why.html.jinja", why=found, notes=())
