"""`roletune.load`: a trained character from its folder, ready to talk.

Nothing is started before the first word is asked for, and one workbench is opened for as long as the character is.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from roletune.engine.progress import Progress, SilentProgress
from roletune.engine.store import read_records
from roletune.errors import ProjectError, RenderError
from roletune.evaluation.likelihood import line_likelihoods
from roletune.inference.actor import Actor, Backstage
from roletune.inference.character import Character, LineScore
from roletune.inference.conversation import Conversation
from roletune.inference.recall.knowledge import Knowledge
from roletune.inference.recall.memory_file import MemoryFile
from roletune.inference.recall.shown import Shots
from roletune.inference.why import Row, rows_of
from roletune.llm.model import ChatModel
from roletune.llm.on_demand import OnDemandModel
from roletune.models.embedding import embed, embedding_available
from roletune.models.trained import trained_weights
from roletune.project import Project
from roletune.prompts import load_prompt
from roletune.records import Dialogue, Example, Lorebook, Message, Profile, Provenance
from roletune.rendering.few_shot import FewShot, pairs_of
from roletune.rendering.persona import Persona
from roletune.verbs.runs import check_base
from roletune.workbench import Workbench, open_workbench


def load(
    folder: str | Path,
    *,
    strength: float = 1.0,
    partner: str = "",
    model: ChatModel | None = None,
    progress: Progress | None = None,
) -> Character:
    """The character in `folder` (where character.yaml is), with its adapter at `strength` (0: the base model alone).

    `partner` is whom it talks with, by default `chat.partner` of character.yaml. Another `model` can speak for it, with
    the persona prompt; then it need not be trained. Raises ProjectError for a folder that can't be used, among them
    that of a living person without `consent:`.
    """
    project = Project.open(Path(folder))
    require_made(project, trained=model is None)
    settings = project.character.chat
    if partner:
        settings = settings.model_validate(settings.model_dump() | {"partner": partner})
    stage = _Stage(project, progress or SilentProgress())
    back = replace(read_backstage(project), can_warm=model is None, writer=stage.writer())
    actor = Actor(lambda scale: model or stage.on_stage(scale), settings, back, strength=strength)
    stage.actor = actor
    return Character(
        settings.begin(read_persona(project)),
        actor,
        notice=ai_notice(project.character.name),
        score=stage.score if model is None else None,
        close=stage.close,
    )


def require_made(project: Project, *, trained: bool = True) -> None:
    """Raise ProjectError if the character has no profile yet or, where it must be `trained`, no adapter."""
    if trained and not trained_weights(project.build / "adapter"):
        raise ProjectError(f"{project.character.name} was not trained yet. Run: roletune run {project.folder}")
    if not project.records("profile").is_file():
        raise ProjectError(f"{project.character.name} has no profile yet. Run: roletune profile {project.folder}")


def read_persona(project: Project) -> Persona:
    """The character's persona prompt, from the profile that the stage `profile` made."""
    (profile,) = read_records(project.records("profile"), Profile)
    return Persona(profile, load_prompt("persona", project.character.language, project.prompts))


def read_backstage(project: Project) -> Backstage:
    """What the character can draw on in a chat: lorebook, passages, memory, training rows."""
    language = project.character.language
    path = project.build / "lorebook.json"
    return Backstage(
        recall=load_prompt("recall", language, project.prompts),
        lorebook=Lorebook.model_validate_json(path.read_text("utf-8")) if path.is_file() else Lorebook(),
        knowledge=_knowledge(project),
        shots=_shots(project),
        memory=MemoryFile(project.journal / "memory.sqlite"),
        summary=load_prompt("memory", language, project.prompts),
        rows=lambda: _training_rows(project),
    )


def _knowledge(project: Project) -> Knowledge:
    """The passages; searched by meaning too where they are told, in a language that the embedding model reads."""
    wanted = project.character.chat.knowledge
    by_meaning = wanted.passages and wanted.meaning and project.character.language.casefold().startswith("en")
    found = embed if by_meaning and embedding_available() else None
    return Knowledge(read_persona(project).profile, wanted.passages, wanted.tokens, found)


def _shots(project: Project) -> Shots | None:
    """What is shown with a message; None if nothing is."""
    wanted, path = project.character.chat.examples, project.records("dialogues")
    if wanted.how == "none" or not path.is_file():
        return None
    pairs = pairs_of(read_records(path, Dialogue), read_persona(project).profile)
    prompt = load_prompt("examples", project.character.language, project.prompts)
    return Shots(FewShot(pairs, number=wanted.number), wanted.how, wanted.tokens, prompt)


def _training_rows(project: Project) -> list[Row]:
    path = project.build / "dataset" / "train.jsonl"
    return rows_of(read_records(path, Example)) if path.is_file() else []


def ai_notice(name: str) -> str:
    """What everybody is told who talks with a character."""
    return f"{name} is an AI character: what it says is made up."


class _Stage:
    """The workbench behind a character, opened when it is first needed."""

    def __init__(self, project: Project, progress: Progress) -> None:
        self.actor: Actor | None = None
        self._project = project
        self._progress = progress
        self._open = AsyncExitStack()
        self._bench: Workbench | None = None

    async def bench(self) -> Workbench:
        if self._bench is None:
            bench = await self._open.enter_async_context(open_workbench(self._project, self._progress))
            check_base(self._project, bench.base)
            self._bench = bench
        return self._bench

    def on_stage(self, strength: float) -> ChatModel:
        """The base model with the adapter at this scale."""

        async def open_model() -> ChatModel:
            return (await self.bench()).on_stage(strength)

        return OnDemandModel(f"{self._project.folder} {strength}", self._project.character.name, open_model)

    def writer(self) -> ChatModel | None:
        """The model bound to the writer's role, to sum up with; the embedded one is too small for that."""
        if self._project.character.models.writer is None:
            return None

        async def open_model() -> ChatModel:
            # Not remembered in the ledger: chats are kept in the chat's own files, where they can be forgotten.
            return (await self.bench()).bound("writer")

        return OnDemandModel(f"{self._project.folder} writer", "writer", open_model)

    async def score(self, conversation: Conversation, line: str) -> LineScore:
        bench = await self.bench()
        example = _example(conversation, line)
        loaded = await bench.local.loaded()
        with loaded.at_strength(self.actor.strength if self.actor else 1.0):
            (found,) = line_likelihoods([example], loaded.renderer, loaded.model, device=loaded.device)
        return LineScore(-found.nll, found.tokens)

    async def close(self) -> None:
        self._bench = None
        await self._open.aclose()


def _example(conversation: Conversation, line: str) -> Example:
    """The conversation with `line` as the character's answer; only that line counts."""
    before = conversation.messages
    after = conversation.answer(line).messages
    if not line.strip() or len(after) == len(before):
        raise RenderError("There is no line to score: it is empty, or the character spoke last. Say something first.")
    context = [Message(role=each.role, content=each.content) for each in (conversation.system, *before)]
    return Example(
        id="score",
        messages=(*context, after[-1]),
        dialogue="score",
        split="test",
        origin="written",
        purpose="lived",
        provenance=Provenance(source="score"),
    )
