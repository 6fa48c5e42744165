"""Method `ditto`: the character paired with other roles; what the one can answer and the other can't."""

from __future__ import annotations

from roletune.engine.store import file_hash
from roletune.errors import ProjectError
from roletune.llm.model import ChatModel
from roletune.records import Dialogue, RoleCard
from roletune.sources.role_cards import QUERY, read_role_cards
from roletune.synthesis.ditto import card_of, plan_answers, plan_pairs, write_answer, write_queries
from roletune.verbs.stage import Stage
from roletune.verbs.writing import again, ask_each, part_good
from roletune.workbench import Workbench

NAME = "ditto"
_NAMES = ("ditto_answer", "ditto_system")


async def make_ditto(bench: Workbench) -> str:
    """Ask for queries pair by pair, then for the answers; rows say whether the role could know."""
    settings, profile = bench.project.character.ditto, bench.profile
    own, writer = card_of(profile), _writer(bench)
    prompt, answer_prompt, system_prompt = (bench.prompt(name) for name in (NAME, *_NAMES))
    tries = again(bench, settings.retries)
    made, failed = await ask_each(
        bench,
        NAME,
        plan_pairs(own, _cards(bench), settings),
        lambda pair: write_queries(pair, writer, prompt=prompt, settings=settings, again=tries),
        role=settings.writer,
    )
    calls = plan_answers([query for queries in made for query in queries], own, settings)
    rows, unanswered = await ask_each(
        bench,
        NAME,
        calls,
        lambda call: write_answer(
            call,
            writer,
            profile=profile,
            prompt=answer_prompt,
            system_prompt=system_prompt,
            settings=settings,
            again=tries,
        ),
        role=settings.writer,
    )
    good, bad = part_good(NAME, rows, profile, settings.quality)
    kept = bench.keep(NAME, good, [*failed, *unanswered, *bad], Dialogue)
    known = sum(row.category == "in scope" for row in kept)
    return f"{len(kept)} rows kept: {known} that the role can answer, {len(kept) - known} that it can't"


def _writer(bench: Workbench) -> ChatModel:
    """Who writes; with `writer: base` the model that is then trained (self-alignment), whoever is bound."""
    return bench.plain(NAME) if bench.project.character.ditto.writer == "base" else bench.ask("writer", NAME)


def _cards(bench: Workbench) -> list[RoleCard]:
    path = bench.project.folder / bench.project.character.ditto.cards
    if not path.exists():
        raise ProjectError(
            f"{path} does not exist: `ditto` pairs the character with the roles in it. Put cards there, or an export "
            f"of Wikidata (the query is {QUERY}), or name another path: ditto: {{cards: ...}}."
        )
    return read_role_cards(path, bench.project.character.language)


def _hashes(bench: Workbench) -> list[str]:
    """The cards by their files."""
    path = bench.project.folder / bench.project.character.ditto.cards
    return [file_hash(file) for file in (sorted(path.rglob("*.json*")) if path.is_dir() else [path]) if file.is_file()]


STAGE = Stage(
    NAME,
    "pair the character with other roles: what the one can answer and the other can't (Ditto)",
    make_ditto,
    reads=("profile.jsonl",),
    writes=("ditto.jsonl", "ditto.rejected.jsonl"),
    settings=lambda bench: (
        bench.project.character.ditto,
        _hashes(bench),
        [bench.prompt(name).hash for name in (NAME, *_NAMES, "again")],
        _writer(bench).identity,
    ),
)
