"""Invented records for these tests: nothing here was measured."""

import math
import random
from pathlib import Path

import yaml

from roletune.evaluation.capability import capability_report
from roletune.evaluation.likelihood import compare
from roletune.evaluation.replies import CONTESTANTS
from roletune.evaluation.report import build_report
from roletune.evaluation.style import UNANSWERED, Manner, checks_for, inspect, rate_style
from roletune.records import (
    Adapter,
    CapabilityAnswer,
    DataStatistics,
    Evaluation,
    Example,
    Finding,
    LineLikelihood,
    LossPoint,
    Message,
    MethodYield,
    OriginShare,
    Provenance,
    Reply,
    Timings,
)

EXAMPLE = Example(
    id="e1",
    messages=(
        Message(role="system", content="You are JARVIS. The workshop, late."),
        Message(role="user", content="Are you up? I can't sleep and the suit is in pieces all over the floor again."),
        Message(role="assistant", content="Always, sir.", loss=True),
        Message(role="user", content="Then tell me what is left of the left gauntlet, and don't be kind about it."),
        Message(role="assistant", content="Very little.", loss=True),
    ),
    dialogue="d1",
    split="test",
    origin="written",
    purpose="lived",
    provenance=Provenance(source="dialogues/workshop.md"),
)

MANNER = Manner(
    names=("JARVIS", "J.A.R.V.I.S."), partners=("Tony", "Pepper"), address=("sir", "Ms. Potts", "Colonel"), longest=60
)

ANSWERS = yaml.safe_load((Path(__file__).parent / "invented_answers.yaml").read_text(encoding="utf-8"))


def replies():
    """Every invented answer with what the real checks find in it; one call that failed."""
    made = []
    for answer in ANSWERS:
        findings = {name: inspect(answer[name], MANNER) for name in CONTESTANTS}
        made.append(Reply(**answer, findings=findings))
    failed = (Finding(check=UNANSWERED, message="the server at http://127.0.0.1:8080 did not answer in 60 s"),)
    made[5] = made[5].model_copy(update={"base": "", "findings": {**made[5].findings, "base": failed}})
    return made


def likelihood(shift=-0.24, scenes=12, per_scene=5):
    """Held-out lines of which the adapter finds most likelier by about `shift` nats per token."""
    generator = random.Random(1)
    lines = {name: [] for name in CONTESTANTS}
    for scene in range(scenes):
        mood = generator.gauss(0, 0.08)
        for line in range(per_scene):
            tokens = generator.randint(9, 44)
            prompted = tokens * max(0.4, generator.gauss(2.22, 0.4))
            nlls = (
                prompted + tokens * generator.gauss(0.05, 0.1),
                prompted,
                prompted + tokens * (shift + mood + generator.gauss(0, 0.2)),
            )
            for name, nll in zip(CONTESTANTS, nlls, strict=True):
                lines[name].append(LineLikelihood(dialogue=f"scene-{scene}", line=line, nll=nll, tokens=tokens))
    prompt = (
        "You are JARVIS, the artificial intelligence that runs Tony Stark's house and suits. You are courteous, dry "
        "and exact, and you address him as “sir”.\nThe workshop, after midnight. Present: Tony."
    )
    told = {
        "base": "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>",
        "base_prompt": prompt,
        "adapter": prompt,
    }
    return compare(lines, told, resamples=2000)


def curve(steps=60, best=48):
    """Losses as a small LoRA training has them, validation lowest at step `best`."""
    generator = random.Random(2)
    points = [LossPoint(step=0, epoch=0, tokens=0, seconds=0, validation_loss=2.23)]
    for step in range(1, steps + 1):
        value = None
        if step % 6 == 0:
            value = 1.93 + 0.3 * math.exp(-step / 13) + 0.0004 * max(0, step - best) ** 2
        train = 1.8 + 0.45 * math.exp(-step / 11) - 0.003 * step + generator.gauss(0, 0.07)
        points.append(
            LossPoint(
                step=step,
                epoch=step / 30,
                tokens=2100 * step,
                seconds=4.1 * step,
                train_loss=train,
                validation_loss=value,
                learning_rate=1e-3 * (1 - step / steps),
            )
        )
    return tuple(points)


def adapter(**changes):
    points = curve()
    measured = [point for point in points if point.validation_loss is not None]
    best = min(measured, key=lambda point: point.validation_loss)
    return Adapter(
        run="20260312-0914-quick",
        character="JARVIS",
        base="HuggingFaceTB/SmolLM2-135M-Instruct",
        base_identity="9f1d2c7a44b0e6d3",
        data="4be07a9912cd5f18",
        recipe={
            "name": "quick",
            "rank": 64,
            "alpha": 16,
            "dropout": 0.1,
            "target_modules": "all-linear",
            "learning_rate": 0.001,
            "epochs": 2,
            "batch_sequences": 4,
            "warmup": 0.03,
            "scheduler": "cosine",
            "weight_decay": 0.001,
            "clip": 0.3,
            "seed": 1,
        },
        curve=points,
        best_step=best.step,
        best_validation_loss=best.validation_loss,
        stopped_early=True,
        tokens=126_000,
        seconds=246.0,
        tokens_per_second=512.0,
        trainable_parameters=19_537_920,
        device="cpu",
        dtype="bfloat16",
    ).model_copy(update=changes)


DATA = DataStatistics(
    train_dialogues=84,
    validation_dialogues=12,
    test_dialogues=12,
    examples=108,
    origins={"written": 102, "generated": 6},
    purposes={"lived": 78, "protective": 24, "boundary": 6},
    partners={
        "Tony": 61,
        "Pepper": 18,
        "Rhodey": 11,
        "Happy": 6,
        "Dr. Banner": 4,
        "a technician of Stark Industries": 3,
        "Harley": 2,
        "a stranger": 2,
        "a reporter": 1,
    },
    words=18_412,
    turns_per_dialogue=10.6,
    words_per_turn=16.1,
    train_tokens=62_900,
    supervised_share=0.41,
    mixture={
        "written": OriginShare(dialogues=78, supervised_tokens=24_000, dialogue_share=0.93, token_share=0.96),
        "generated": OriginShare(dialogues=6, supervised_tokens=1_000, dialogue_share=0.07, token_share=0.04),
    },
    yields={"protective": MethodYield(kept=6, rejected=34)},
    rejected={"repeats itself": 9, "no line of JARVIS": 4, "copies its example": 3, "too short": 1},
)


def evaluation(**options):
    made = replies()
    return Evaluation(
        likelihood=likelihood(**options),
        replies=tuple(made),
        style=rate_style(made, checks_for(MANNER)),
        sampling={"temperature": 0.7, "top_p": 0.95, "max_tokens": 200, "seed": 1},
    )


def capability(lost):
    """Sixty questions that the base model knows, of which the adapter has lost some."""
    options = ("right", "wrong")
    answers = [
        CapabilityAnswer(
            question=f"k{k}",
            text="?",
            options=options,
            chosen=dict.fromkeys(("base", "base_prompt"), 0) | dict.fromkeys(("adapter_bare", "adapter"), k < lost),
        )
        for k in range(60)
    ]
    return capability_report(answers, adapter="a", by="likelihood", resamples=500)


def report(character="JARVIS", data=DATA, suites=None, **options):
    stages = {
        "profile": 0.8,
        "scenes": 21.4,
        "experiences": 64.0,
        "protective": 18.9,
        "dataset": 4.2,
        "train": 246.0,
        "evaluate": 71.3,
        "export": 3.1,
    }
    return build_report(
        adapter=adapter(character=character),
        data=data,
        evaluation=evaluation(**options),
        timings=Timings(stages=stages, total_seconds=sum(stages.values())),
        created="2026-03-12T09:26:41Z",
        versions={
            "roletune": "0.1.0",
            "python": "3.11.7",
            "torch": "2.13.0",
            "transformers": "5.23.0",
            "peft": "0.20.1",
        },
        peak_memory_bytes=3_410_000_000,
        suites=suites,
        lint=(
            Finding(
                check="duplicate", message="says the same as passage 3", where="profile.md, Habits", severity="note"
            ),
            Finding(
                check="alias", message="“J.A.R.V.I.S.” is used, and no alias of JARVIS", where="profile.md, line 12"
            ),
        ),
        notices=("JARVIS and his world belong to their owners. This example is for research and non-commercial use.",),
    )
