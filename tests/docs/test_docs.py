"""What the documentation says is compared with the code: links, settings and defaults, commands, report.json."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from pydantic import BaseModel

from roletune.character_file import CharacterFile
from roletune.cli import app
from roletune.pipeline import METHODS
from roletune.records import Report
from roletune.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
EVERY_PAGE = [*PAGES, ROOT / "README.md"]
# Blocks of character.yaml with a page of their own; everything else is in project.md.
BLOCK_PAGES = {
    "scenes",
    "experiences",
    "protective",
    "dataset",
    "train",
    "prefer",
    "evaluate",
    "probes",
    "interview",
    "chat",
    *METHODS,
}
STAGES = {"profile", "scenes", "experiences", "protective", "dataset", "train", "evaluate", "report"}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| `(?P<path>[^`]+)` \| (?P<default>[^|]*) \|", re.M)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def page_name(page: Path) -> str:
    return page.name


# ---------------------------------------------------------------------------------------------------------------------
# Links


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them."""
    headings = re.findall(r"^#{1,6} (.+)$", FENCE.sub("", read(page)), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.casefold()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", EVERY_PAGE, ids=page_name)
def test_every_relative_link_points_to_a_file_and_a_heading_of_it(page):
    broken = []
    for link in LINK.findall(FENCE.sub("", read(page))):
        name, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_every_page_is_on_the_map():
    linked = set(LINK.findall(read(DOCS / "index.md")))
    assert {page.name for page in PAGES} - {"index.md"} - linked == set()


def test_every_stage_has_a_page():
    assert {page.stem for page in PAGES} >= STAGES | set(METHODS)


# ---------------------------------------------------------------------------------------------------------------------
# Settings


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation holds: itself, or inside a list, a map or an optional."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def settings(model: type[BaseModel], prefix: str, seen: set[type[BaseModel]]) -> Iterator[tuple[str, Any]]:
    """(path, field) of a model and its blocks; a block that occurs twice is told once."""
    for name, field in model.model_fields.items():
        yield prefix + name, field
        for block in models_in(field.annotation):
            if block not in seen:
                seen.add(block)
                yield from settings(block, f"{prefix}{name}.", seen)


def written_default(field: Any) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if models_in(field.annotation) and default is not None:
        return "a list" if isinstance(default, tuple) else "a block"
    return f"`{json.dumps(default)}`"


def rows(page: Path) -> dict[str, str]:
    """Setting -> default, from the tables of a page."""
    return {match["path"]: match["default"].strip() for match in ROW.finditer(read(page))}


def page_of(path: str) -> Path:
    block, _, rest = path.partition(".")
    return DOCS / f"{block if rest and block in BLOCK_PAGES else 'project'}.md"


SETTINGS = dict(settings(CharacterFile, "", set()))


@pytest.mark.parametrize("path", SETTINGS)
def test_every_setting_is_documented_with_its_default(path):
    assert rows(page_of(path)).get(path) == written_default(SETTINGS[path])


@pytest.mark.parametrize("name", Recipe.model_fields)
def test_every_field_of_a_recipe_is_documented_with_its_default(name):
    assert rows(DOCS / "train.md").get(name) == written_default(Recipe.model_fields[name])


def test_no_setting_is_documented_that_does_not_exist():
    documented = {path for name in ("project", *BLOCK_PAGES) for path in rows(DOCS / f"{name}.md")}
    paths = {path for path in documented if re.match(rf"({'|'.join(CharacterFile.model_fields)})\.(?!.*jsonl$)", path)}
    assert paths - set(SETTINGS) == set()


# ---------------------------------------------------------------------------------------------------------------------
# Commands


def command_lines(page: Path) -> list[str]:
    """Every call of roletune in the page's fenced blocks, without what is piped into it or follows it."""
    lines = [line for _, block in FENCE.findall(read(page)) for line in block.splitlines()]
    calls = [part for line in lines for part in re.split(r"&&|\|\||[|;]", re.sub(r"(^|\s)#.*$", "", line))]
    pattern = re.compile(r"^\s*(?:\$ )?(?:\w+=\S* )*(?:\S*/)?roletune(?= |$)(.*)$")
    return [match[1].strip() for call in calls if (match := pattern.match(call))]


def parse(line: str) -> None:
    """Parse a command line as roletune would, and run nothing; raises what the parser raises."""
    arguments = shlex.split(line)
    if not arguments or arguments[0] in ("--help", "-h", "--version"):
        return
    group: Any = typer.main.get_command(app)
    with group.make_context("roletune", list(arguments)) as context:
        name, command, rest = group.resolve_command(context, arguments)
        assert command is not None, f"there is no command {name}"
        if not {"--help", "-h"} & set(rest):
            command.make_context(name, list(rest), parent=context).close()


@pytest.mark.parametrize("page", EVERY_PAGE, ids=page_name)
def test_every_command_line_parses(page):
    refused = {}
    for line in command_lines(page):
        try:
            parse(line)
        except Exception as error:  # noqa: BLE001 - whatever the parser raises, the line is wrong
            refused[line] = str(error)
    assert not refused


@pytest.mark.parametrize("line", ["nonsense jarvis", "run jarvis --untill train", "show", "chat"])
def test_a_wrong_command_line_does_not_parse(line):
    with pytest.raises(Exception, match=r"\S"):
        parse(line)


def test_command_lines_are_found():
    assert "run examples/jarvis" in command_lines(DOCS / "ledger.md")
    assert "chat examples/jarvis" in command_lines(DOCS / "chat.md")


# ---------------------------------------------------------------------------------------------------------------------
# Python


def test_every_import_in_a_python_block_exists():
    blocks = [block for page in EVERY_PAGE for language, block in FENCE.findall(read(page)) if language == "python"]
    imports = [node for block in blocks for node in ast.walk(ast.parse(block)) if isinstance(node, ast.ImportFrom)]
    ours = [(node.module, alias.name) for node in imports for alias in node.names if "roletune" in (node.module or "")]
    assert ours
    assert [pair for pair in ours if not hasattr(importlib.import_module(pair[0]), pair[1])] == []


# ---------------------------------------------------------------------------------------------------------------------
# report.json


def marks(annotation: Any) -> str:
    """How the way into a container is written: `[]` for a list, `.*` for a map."""
    parts = get_args(annotation)
    origin = getattr(annotation, "__origin__", None)
    if origin is tuple:
        return "[]" + marks(parts[0])
    return ".*" + marks(parts[1]) if origin is dict else ""


def key_paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key of a record with the way to it; a container without records ends the way."""
    for name, field in model.model_fields.items():
        inner = models_in(field.annotation)
        if not inner:
            yield prefix + name
        for record in inner:
            yield from key_paths(record, f"{prefix}{name}{marks(field.annotation)}.")


def expand(path: str) -> list[str]:
    """`a.{b,c}.d` -> a.b.d, a.c.d"""
    parts = [part.split(",") for part in re.split(r"[{}]", path)]
    literal = [[",".join(part)] if i % 2 == 0 else part for i, part in enumerate(parts)]
    return ["".join(choice) for choice in product(*literal)]


def documented_keys() -> set[str]:
    cells = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \|", read(DOCS / "report.md"), re.M)
    return {path for cell in cells for code in re.findall(r"`([^`]+)`", cell) for path in expand(code)}


def test_every_key_of_the_report_is_documented_and_no_other():
    existing = set(key_paths(Report))
    assert existing - documented_keys() == set()
    assert documented_keys() - existing - set(Report.model_fields) == set()
