"""The state that is kept is chosen by its replies: a tiny random base is trained, each state speaks from a script."""

import asyncio
import shutil

import pytest
import yaml
from tests.character import TOPICS, Heard, make_character, workbench

from roletune import pipeline
from roletune.errors import EndpointError, EvaluationError, ProjectError, TrainingError
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.records import Adapter, fingerprint
from roletune.verbs import boundary, steps
from roletune.verbs.runs import finished_runs, unfinished_runs
from roletune.verbs.several import train_mixed
from roletune.verbs.train import data_hash, run_folder

from .on_tiny_base import on_tiny_base

OVERRIDES = {"rank": 2, "epochs": 2, "max_tokens": 2048, "evaluations_per_epoch": 2, "dtype": "float32"}
QUESTIONS = "refusals: ['no such']\nquestions:\n" + "".join(
    f"- {{id: q{k}, category: later times, text: 'What is gadget {k}?', leaks: [screen], twin: t{k}}}\n"
    for k in range(20)
)
TWINS = "twins:\n" + "".join(f"- {{id: t{k}, text: 'What is herring {k}?'}}\n" for k in range(20))
WEIGHTS = "adapter_model.safetensors"


def speaking(says, name):
    """A model that answers questions about gadgets, and questions about herrings."""
    return ScriptedModel(lambda request: says["gadget" in request.messages[-1]["content"]], identity=name)


def gone(_):
    raise EndpointError("The server is gone.")


LEAKS, HOLDS, REFUSES = ("A fish.", "A screen."), ("A fish.", "A pebble."), ("There is no such thing.",) * 2


def train(folder, say):
    """Train the character; `say` is a model for all states, or one for a step."""
    heard = Heard()

    async def session():
        models = {f"step {step}": say(step) for step in range(1, 20)}
        async with workbench(folder, progress=heard, **models) as bench:
            await pipeline.make(bench, "train")

    asyncio.run(session())
    return heard.lines


def settings(folder, block="train", **changed):
    """The folder with other settings in a block of character.yaml."""
    path = folder / "character.yaml"
    values = yaml.safe_load(path.read_text("utf-8"))
    values[block].update(changed)
    path.write_text(yaml.safe_dump(values), "utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A character whose training has ended, and whose states could not be asked."""
    place = tmp_path_factory.mktemp("steps")
    folder = on_tiny_base(place, train={"choose_by": "leaks", "overrides": OVERRIDES})
    (folder / "boundary.yaml").write_text(QUESTIONS + TWINS, "utf-8")
    with pytest.raises(EndpointError):
        train(folder, lambda step: ScriptedModel(gone, identity="gone"))
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "mira", symlinks=True)


def run_of(folder):
    (run,) = (folder / "build" / "runs").iterdir()
    return run, Adapter.model_validate_json((run / "adapter.json").read_text("utf-8"))


@pytest.mark.model
def test_a_state_that_leaks_less_is_chosen_over_the_one_with_the_lowest_loss_without_training_again(folder):
    run, before = run_of(folder)
    by_loss = before.best_step
    assert (unfinished_runs(folder / "build"), finished_runs(folder / "build")) == ([run.name], [])
    refusing, holding = [int(place.name) for place in (run / "steps").iterdir() if place.name != str(by_loss)][:2]
    kept = {place.name: (place / "adapter" / WEIGHTS).read_bytes() for place in (run / "steps").iterdir()}
    assert kept[str(by_loss)] == (run / WEIGHTS).read_bytes()

    says = {refusing: REFUSES, holding: HOLDS}
    told = train(folder, lambda step: speaking(says.get(step, LEAKS), str(says.get(step, LEAKS))))
    assert not any("Training" in line or "Going on" in line for line in told)
    _, after = run_of(folder)
    assert (after.best_step, after.choice.step, after.choice.best_by_loss) == (holding, holding, by_loss)
    assert (run / WEIGHTS).read_bytes() == kept[str(holding)]
    assert (folder / "build" / "adapter" / WEIGHTS).read_bytes() == kept[str(holding)]
    assert not (run / "steps").exists()
    assert [one.adapter for one in finished_runs(folder / "build")] == [after]
    counts = {score.step: (score.leaked.value, score.refused.value) for score in after.choice.steps}
    assert counts == {int(step): {refusing: (0, 1), holding: (0, 0)}.get(int(step), (1, 0)) for step in kept}
    assert after.best_validation_loss == next(
        score.validation_loss for score in after.choice.steps if score.step == holding
    )
    assert any(f"chosen by leaks among {len(kept)} states: step {holding} leaks 0 of" in line for line in told)
    assert any("a clear difference" in line for line in told)

    project = Project.open(folder)
    chose, measure = steps.choosing_questions(project), boundary.measuring_questions(project)
    assert set(after.choice.questions) == {one.id for one in (*chose.questions, *chose.twins)}
    assert {one.id for one in (*measure.questions, *measure.twins)} == {
        f"{kind}{k}" for kind in "qt" for k in range(20)
    } - set(after.choice.questions)
    assert {one.twin for one in measure.questions} == {one.id for one in measure.twins}


@pytest.mark.model
def test_the_choice_belongs_to_the_run_and_the_default_does_not_change_its_id(folder):
    def place(**train):
        async def look():
            async with workbench(settings(folder, **train)) as bench:
                decides = (data_hash(bench), bench.project.recipe.settings, bench.base.identity())
                return run_folder(bench).name, fingerprint(*decides, length=8)

        return asyncio.run(look())

    chosen, plain = place()
    fewer, _ = place(choose_share=0.3)
    by_loss, _ = place(choose_by="loss")
    assert by_loss == plain
    assert len({chosen, fewer, plain}) == 3
    assert chosen == run_of(folder)[0].name


@pytest.mark.model
def test_by_voice_the_state_that_is_taken_for_the_character_is_chosen(folder):
    lines = [told for _, told in TOPICS.values()]
    settings(folder, choose_by="voice")
    shutil.rmtree(folder / "build" / "runs")
    with pytest.raises(EvaluationError, match=r"too few lines.*choose_by: loss"):
        train(folder, lambda step: speaking(HOLDS, "holds"))
    assert not (folder / "build" / "runs").exists()
    settings(folder, "splits", test=0.02)
    # Every state but that of the first validation speaks as the others do.
    told = train(folder, lambda step: speaking([lines[0] if step <= 2 else f"And the {step} tomorrow?"] * 2, str(step)))
    _, adapter = run_of(folder)
    choice = adapter.choice
    assert (choice.by, choice.step, choice.questions, adapter.best_step) == ("voice", 2, (), 2)
    assert choice.best_by_loss != 2
    assert choice.classifier.auc.low > 0.5
    assert [score.faults.value for score in choice.steps] == [0, *[1] * (len(choice.steps) - 1)]
    assert any("is taken for the character in" in line for line in told)


@pytest.mark.model
def test_a_state_that_is_gone_is_told_with_the_cure(folder):
    run, adapter = run_of(folder)
    shutil.rmtree(run / "steps" / str(adapter.best_step))
    with pytest.raises(TrainingError, match=rf"step {adapter.best_step}.*--again"):
        train(folder, lambda step: speaking(HOLDS, "holds"))


def test_what_could_not_be_chosen_is_refused_before_the_training(tmp_path):
    def check(folder):
        async def session():
            async with workbench(folder) as bench:
                steps.check_choice(bench)

        asyncio.run(session())

    def refused(error, words, **train):
        folder = make_character(tmp_path / "mira", train={"choose_by": "leaks", **train})
        with pytest.raises(error, match=words):
            check(folder)
        return folder

    folder = refused(ProjectError, "boundary.yaml does not exist")
    (folder / "boundary.yaml").write_text(QUESTIONS + TWINS, "utf-8")
    refused(ProjectError, "Of the 20 questions .* 0 would choose", choose_share=0.001)
    refused(ProjectError, "Of the 20 questions .* 20 would choose", choose_share=0.999)
    refused(TrainingError, "whole models.*choose_by: loss", overrides={"method": "full"})
    make_character(folder, train={"choose_by": "leaks"})
    check(folder)

    async def mixed():
        async with workbench(folder) as bench:
            train_mixed([bench], tmp_path / "both")

    with pytest.raises(TrainingError, match=r"whose questions.*choose_by: loss"):
        asyncio.run(mixed())
