"""Suite `voice`: whether replies sound like the character, what they copied, and whose line the model finds likeliest.

Nothing is asked anew: it reads the replies of `evaluation.json`, the character's authentic and written lines, what was
trained on, and the held-out lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from roletune.engine.interrupt import stops_at_once
from roletune.engine.store import read_records, write_json
from roletune.errors import EvaluationError
from roletune.evaluation.authenticity import Embed, Line, Voice, learn_voice, measure_voice, phrase_use, some_lines
from roletune.evaluation.bootstrap import bootstrap_share, newcombe, wilson
from roletune.evaluation.identification import measure_identification
from roletune.evaluation.memorisation import TrainingText, measure_copying
from roletune.evaluation.style import UNANSWERED, words
from roletune.models.embedding import embed, embedding_available
from roletune.records import (
    Contestant,
    CopyReport,
    Example,
    HeardReply,
    IdentificationReport,
    Rate,
    Reply,
    ShareDifference,
    Split,
    VoiceClassifier,
    VoiceReport,
)
from roletune.sources.catchphrases import find_catchphrases
from roletune.verbs.contestants import adapter_hash, measured_base
from roletune.verbs.dataset import open_renderer
from roletune.verbs.evaluate import loaded_with_adapter
from roletune.verbs.measured import read_evaluation, stamped
from roletune.verbs.stage import TRAINED, Stage
from roletune.verbs.writing import read_dialogues_of
from roletune.workbench import Workbench

FILE = "suites/voice.json"
Odds = Mapping[Contestant, Mapping[int, float]]
"""Of each contestant, the log-odds of its replies by their place among the questions."""

LINES = 24  # held-out lines that are put among others': each costs a dozen short forward passes


def identify(bench: Workbench) -> IdentificationReport | None:
    """Which of several lines the model takes for the character's; None if no held-out line has others beside it."""
    examples = read_records(bench.project.build / "dataset" / "test.jsonl", Example)
    with stops_at_once():
        try:
            with loaded_with_adapter(bench) as (model, device):
                return measure_identification(
                    examples, open_renderer(bench), model, progress=bench.progress, device=device, most=LINES
                )
        except EvaluationError as error:
            bench.progress.say(str(error))
            return None


def embedding(bench: Workbench) -> Embed | None:
    """MiniLM where it is installed and can read the character's language."""
    return embed if bench.project.character.language.startswith("en") and embedding_available() else None


async def measure(
    bench: Workbench,
    identified: Callable[[Workbench], IdentificationReport | None] = identify,
    embedded: Callable[[Workbench], Embed | None] = embedding,
) -> str:
    """Measure and write `suites/voice.json`."""
    build = bench.project.build
    evaluation = read_evaluation(bench)
    answered = {name: _answered(evaluation.replies, name) for name in evaluation.contestants}
    said = {name: list(texts.values()) for name, texts in answered.items()}
    lines, phrases = spoken_lines(bench), _phrases(bench)
    classifier, odds = _voice(bench, lines, answered, None)
    vectors = embedded(bench)
    meaning, meant = _voice(bench, lines, answered, vectors) if vectors else (None, {})
    training = TrainingText(_learnt(read_records(build / "dataset" / "train.jsonl", Example)))
    spoken: dict[str, list[str]] = {"authentic": [line.text for line in lines if line.own]}
    spoken.update(said.items())
    use = {name: rate for name, texts in spoken.items() if (rate := phrase_use(texts, phrases))}
    report = VoiceReport(
        adapter=adapter_hash(bench),
        classifier=classifier,
        taken=_taken(odds),
        embedding=meaning,
        taken_by_embedding=_taken(meant),
        gain=_gain(odds, bench.project.character.evaluate.resamples),
        unheard={name: len(evaluation.replies) - len(texts) for name, texts in said.items()},
        heard=tuple(_heard(evaluation.replies, odds, meant)),
        phrases=phrases,
        phrase_use=use,
        phrase_excess={
            name: newcombe(rate, use["authentic"]) for name, rate in use.items() if name in said and "authentic" in use
        },
        copying={name: _copying(bench, texts, training) for name, texts in said.items()},
        identification=identified(bench),
    )
    write_json(build / FILE, stamped(bench, report))
    return _sentence(report)


def _voice(
    bench: Workbench, lines: Sequence[Line], said: Mapping[Contestant, Mapping[int, str]], vectors: Embed | None
) -> tuple[VoiceClassifier | None, Odds]:
    """How well the voice is told apart, and the log-odds that a reply is the character's."""
    learnt = own_voice(bench, lines, vectors)
    if learnt is None:
        return None, {}
    classifier, voice = learnt
    return classifier, {
        name: dict(zip(texts, map(float, voice.scores(list(texts.values()))), strict=True))
        for name, texts in said.items()
        if texts
    }


def own_voice(
    bench: Workbench, lines: Sequence[Line], vectors: Embed | None = None
) -> tuple[VoiceClassifier, Voice] | None:
    """What tells the character's lines from others', and how well; None where there are too few lines."""
    names = {bench.profile.name, *bench.profile.aliases, *_speakers(bench)}
    classifier = measure_voice(lines, names, vectors)
    return (classifier, learn_voice(some_lines(lines), names, vectors)) if classifier else None


def _taken(odds: Odds) -> dict[Contestant, Rate]:
    return {name: wilson(sum(score > 0 for score in found.values()), len(found)) for name, found in odds.items()}


def _gain(odds: Odds, resamples: int) -> ShareDifference | None:
    own, other = odds.get("adapter", {}), odds.get("base_prompt", {})
    pairs = [(own[place] > 0, other[place] > 0) for place in own if place in other]
    return bootstrap_share(pairs, resamples=resamples) if pairs else None


def _heard(replies: Sequence[Reply], odds: Odds, meant: Odds) -> Iterator[HeardReply]:
    for name, found in odds.items():
        for place, score in found.items():
            yield HeardReply(
                question=replies[place].question,
                contestant=name,
                reply=replies[place].said(name),
                score=score,
                by_embedding=meant.get(name, {}).get(place),
            )


def spoken_lines(bench: Workbench, without: Split | None = None) -> list[Line]:
    """What is said in scenes that no model wrote, if need be `without` those of a split."""
    return [
        Line(turn.text, dialogue.id, bench.profile.is_me(turn.speaker))
        for dialogue in read_dialogues_of(bench, "dialogues")
        if dialogue.origin != "generated" and dialogue.split != without
        for turn in dialogue.turns
        if turn.kind == "speech"
    ]


def _speakers(bench: Workbench) -> set[str]:
    """The names of those who speak, whole and in parts: "Tony Stark" is called Tony."""
    speakers = {turn.speaker for one in read_dialogues_of(bench, "dialogues") for turn in one.turns if turn.speaker}
    return speakers | {part for name in speakers for part in name.split() if len(part) > 2}


def _phrases(bench: Workbench) -> tuple[str, ...]:
    """Those of the profile; without any, what is found in the train split."""
    if bench.profile.catchphrases:
        return bench.profile.catchphrases
    train = [dialogue for dialogue in read_dialogues_of(bench, "dialogues") if dialogue.split == "train"]
    return tuple(phrase.text for phrase in find_catchphrases(train, bench.profile))


def _learnt(examples: Sequence[Example]) -> list[str]:
    return [message.content for example in examples for message in example.messages if message.loss]


def _answered(replies: Sequence[Reply], contestant: Contestant) -> dict[int, str]:
    """The replies that came and have a word in them, by their place."""
    return {
        place: text
        for place, reply in enumerate(replies)
        if all(finding.check != UNANSWERED for finding in reply.findings.get(contestant, ()))
        and words(text := reply.said(contestant))
    }


def _copying(bench: Workbench, texts: Sequence[str], training: TrainingText) -> CopyReport:
    return measure_copying(texts, training, resamples=bench.project.character.evaluate.resamples)


def _sentence(report: VoiceReport) -> str:
    parts = [f"{name} {rate.count} of {rate.n}" for name, rate in report.taken.items()]
    told = f"taken for the character: {', '.join(parts)}" if parts else "too few lines to tell the voice apart"
    copied = report.copying["adapter"].copied
    told += f"; {copied.value:.0%} of the adapter's words in runs from training rows" if copied else ""
    if found := report.identification:
        rate = found.per_token["adapter"]
        told += f"; the adapter picks the real line {rate.count} of {rate.n} times (chance {found.chance:.0%})"
    return told


STAGE = Stage(
    "voice",
    "tell whether replies sound like the character, what they copied, and whose line the model prefers",
    measure,
    reads=(
        "profile.jsonl",
        "dialogues.jsonl",
        "dataset/train.jsonl",
        "dataset/test.jsonl",
        "evaluation.json",
        TRAINED,
    ),
    writes=(FILE,),
    settings=lambda bench: (
        bool(embedding(bench)),
        bench.project.character.evaluate.resamples,
        LINES,
        measured_base(bench),
    ),
)
