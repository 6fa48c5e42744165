"""Several adapters on one base against each of them alone."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, GemmaConfig, LlamaConfig

from roletune.engine.progress import SilentProgress
from roletune.errors import ResourceError, TrainingError
from roletune.training import checkpoint
from roletune.training.attention import SegmentAttention
from roletune.training.batch import MicroBatch
from roletune.training.recipe import Recipe
from roletune.training.segments import Sections, Segments
from roletune.training.sequences import TokenSequence
from roletune.training.sft import Job, train_job
from roletune.training.together import joined, train_together

RECIPE = Recipe(
    rank=4, batch_sequences=2, micro_tokens=512, learning_rate=0.01, evaluations_per_epoch=2, dtype="float32"
)
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture
def jobs(tiny_base, tiny_sequences, tmp_path):
    """Two characters of different data, length, seed, rank and dropout; each one's examples begin with its persona."""

    def told(count, length, seed):
        (persona,) = tiny_sequences([40], seed=100 + seed)
        rows = tiny_sequences([length + 3 * at for at in range(count)], seed)
        return [TokenSequence([*persona.ids, *row.ids], [*[False] * 40, *row.mask], row.source) for row in rows]

    def build(folder, **settings):
        recipes = (
            Recipe(**{**RECIPE.settings, **settings}),
            Recipe(**{**RECIPE.settings, "seed": 7, "rank": 2, "dropout": 0.3, "epochs": 3, **settings}),
        )
        return [
            Job(
                train=told(8, 20, number),
                validation=told(2, 25, 50 + number),
                base_folder=tiny_base,
                base_label="org/base",
                base_identity="b",
                character=name,
                data_hash=name,
                recipe=recipe,
                run_dir=tmp_path / folder / name,
            )
            for number, (name, recipe) in enumerate(zip(("Anne", "Ben"), recipes, strict=True))
        ]

    return build


def losses(adapter):
    return [loss for point in adapter.curve for loss in (point.train_loss, point.validation_loss) if loss is not None]


class Listening(SilentProgress):
    def __init__(self):
        self.said = []

    def say(self, message, style=""):
        self.said.append(message)


def test_each_has_the_curve_and_the_weights_that_it_has_alone(jobs, tmp_path):
    alone = [train_job(job, SilentProgress()) for job in jobs("alone")]
    progress = Listening()
    together = train_together(jobs("together"), progress)
    assert any("together" in said for said in progress.said)  # and not one after the other
    for one, other, job in zip(alone, together, jobs("together"), strict=True):
        assert losses(other) == pytest.approx(losses(one), rel=1e-5)
        assert (other.best_step, other.tokens, other.recipe) == (one.best_step, one.tokens, one.recipe)
        mine, theirs = load_file(tmp_path / "alone" / one.character / WEIGHTS), load_file(job.run_dir / WEIGHTS)
        torch.testing.assert_close(theirs, mine, rtol=1e-3, atol=1e-5)
        assert (job.run_dir / "adapter_config.json").read_text() == (
            tmp_path / "alone" / one.character / "adapter_config.json"
        ).read_text()
        assert not (job.run_dir / checkpoint.FILE).exists()


def test_what_was_begun_alone_is_ended_together(jobs):
    alone = [train_job(job, SilentProgress()) for job in jobs("alone")]

    def stop(point):
        if point.step == 3:  # behind the first checkpoint
            raise KeyboardInterrupt

    begun = jobs("begun")
    with pytest.raises(KeyboardInterrupt):
        train_job(begun[1], SilentProgress(), on_point=stop)
    assert [losses(one) for one in train_together(begun, SilentProgress())] == [
        pytest.approx(losses(one), rel=1e-5) for one in alone
    ]
    assert train_together(begun, SilentProgress()) == [train_job(job, SilentProgress()) for job in begun]


def test_where_nothing_can_be_joined_they_take_turns_on_one_base(jobs, tmp_path):
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = GemmaConfig(**shape, num_key_value_heads=1, head_dim=16, vocab_size=300)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "gemma")
    found = []
    for folder, train in (("alone", None), ("turns", train_together)):
        own = [replace(job, base_folder=tmp_path / "gemma") for job in jobs(folder, epochs=1)]
        found.append(train(own, SilentProgress()) if train else [train_job(job, SilentProgress()) for job in own])
    assert [losses(one) for one in found[1]] == [losses(one) for one in found[0]]


def test_characters_that_cant_share_a_base_are_refused_with_the_setting(jobs):
    one, other = jobs("refused")
    with pytest.raises(TrainingError, match="gradient_checkpointing is True and False"):
        train_together(
            [one, replace(other, recipe=Recipe(gradient_checkpointing=True, dtype="float32"))], SilentProgress()
        )
    with pytest.raises(TrainingError, match="same `base`"):
        train_together([one, replace(other, base_identity="c")], SilentProgress())
    with pytest.raises(TrainingError, match="twice"):
        train_together([one, one], SilentProgress())
    assert not one.run_dir.exists()


def test_what_cant_fit_is_refused_before_the_base_is_read(jobs, tmp_path):
    """The folder has no weights: to read it would be a ModelError."""
    huge = tmp_path / "huge"
    shape = {"hidden_size": 65536, "intermediate_size": 262144, "num_hidden_layers": 512, "vocab_size": 300}
    LlamaConfig(**shape, num_attention_heads=64).save_pretrained(huge)
    with pytest.raises(ResourceError, match="takes about"):
        train_together([replace(job, base_folder=huge) for job in jobs("huge")], SilentProgress())


def test_micro_batches_are_joined_up_to_the_budget_and_keep_their_order(tiny_sequences):
    works = [[MicroBatch.of(tiny_sequences([n])) for n in rows] for rows in ((300, 100), (120, 100, 128), (900,))]
    parts = joined(works, 512)
    assert [sum(own.batch.ids.shape[1] for own in part) for part in parts] == [512, 256, 128, 1024]
    for number, batches in enumerate(works):
        assert [own.batch for part in parts for own in part if own.training == number] == batches


def test_sections_attend_as_each_alone():
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(1, n, 256 + 128, 16, generator=generator, dtype=torch.float64) for n in (4, 2, 2)]
    tensors = [x.requires_grad_() for x in tensors]
    first, second = Segments((60, 70), 100), Segments((30, 20), 16)
    joint = SegmentAttention.apply(*tensors, Sections(((0, first), (256, second))), 0.25)
    alone = torch.cat(
        [
            SegmentAttention.apply(*(x[:, :, :256] for x in tensors), first, 0.25),
            SegmentAttention.apply(*(x[:, :, 256:] for x in tensors), second, 0.25),
        ],
        1,
    )
    torch.testing.assert_close(joint, alone)
    grads = [torch.autograd.grad(y.pow(2).sum(), tensors, retain_graph=True) for y in (joint, alone)]
    torch.testing.assert_close(*grads)
