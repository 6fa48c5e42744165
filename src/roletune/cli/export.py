"""`roletune export`: the adapter, to take away."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from roletune.cli.session import AsJson, Character, print_json
from roletune.engine.store import file_hash, read_records
from roletune.errors import ProjectError, ResourceError
from roletune.models.dequantise import trainable_folder
from roletune.models.gguf_base import servable_gguf
from roletune.models.weights import resolve
from roletune.project import Project
from roletune.records import Adapter, Profile

FILES = ("adapter_model.safetensors", "adapter_config.json", "adapter.json", "README.md", "adapter.gguf")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="roletune export examples/jarvis --to ~/jarvis-adapter")(export)


def export(
    character: Character = Path(),
    to: Annotated[Path | None, typer.Option("--to", help="Folder to write; default: build/export.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the adapter (PEFT and GGUF) with its card and the report in Markdown, and print how to use it."""
    project = Project.open(character)
    adapter = project.build / "adapter"
    if not (adapter / "adapter_model.safetensors").is_file():
        raise ProjectError(f"{project.character.name} was not trained yet. Run: roletune run {character}")
    folder = to or project.build / "export"
    copied = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            if (adapter / name).is_file():
                copied[name] = _copy(adapter / name, folder / name)
            else:
                (folder / name).unlink(missing_ok=True)  # of an earlier adapter, which does not go with this one
        for beside in (project.build / "report" / "report.md", project.build / "ATTRIBUTION.md"):
            if beside.is_file():
                copied[beside.name] = _copy(beside, folder / beside.name)
    except OSError as error:
        raise ResourceError(
            f"{folder} can't be written: {error.strerror or error}. Free disk space or choose --to."
        ) from error
    licence, commercial = _licence(project)
    if as_json:
        print_json({"folder": str(folder), "sha256": copied, "licence": licence, "commercial_use": commercial})
        return
    typer.echo(f"Wrote {', '.join(copied)} to {folder}")
    if licence:
        typer.echo(f"Licence of the sources: {licence} (see ATTRIBUTION.md)")
    if not commercial:
        typer.echo("Commercial use is not allowed, or not known to be.")
    record = Adapter.model_validate_json((adapter / "adapter.json").read_text("utf-8"))
    name, rank = project.folder.resolve().name, record.recipe["rank"]
    weights = resolve(project.base)
    if "adapter.gguf" in copied:
        base = servable_gguf(weights, trainable_folder(weights)) if weights.gguf else "BASE.gguf"
        typer.echo(f"llama.cpp:  llama-server -m {base} --lora {folder / 'adapter.gguf'}")
    typer.echo(
        f"vLLM:       vllm serve {record.base} --enable-lora --max-lora-rank {rank} --lora-modules {name}={folder}"
    )


def _licence(project: Project) -> tuple[str, bool]:
    """The licence of the whole, and whether it allows commercial use, as the stage `profile` found them."""
    path = project.records("profile")
    profile = read_records(path, Profile)[0] if path.is_file() else Profile(name=project.character.name)
    return profile.licence, profile.commercial_use


def _copy(source: Path, target: Path) -> str:
    """Copy a file, whole or not at all; its hash."""
    temporary = target.with_name(f".{target.name}.new")
    try:
        shutil.copyfile(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return file_hash(target)
