"""`roletune export`: the adapter, to take away; merged weights, bundle, card, the hub, data for other trainers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from roletune.cli.session import AsJson, Character, print_json, run_session
from roletune.engine.store import read_records
from roletune.evaluation.model_card import vllm_rank
from roletune.models.dequantise import trainable_folder
from roletune.models.gguf_base import GgufType, servable_gguf
from roletune.models.hub import BASE_LINK
from roletune.models.trained import whole_model
from roletune.project import Project
from roletune.records import Profile
from roletune.verbs.bundle import write_bundle
from roletune.verbs.card import export_card
from roletune.verbs.export import (
    MERGED,
    REPORT,
    Trainer,
    copy_adapter,
    push,
    write_for,
    write_merged,
    write_merged_gguf,
    write_modelfile,
)
from roletune.workbench import Workbench

NO_KINDS: list[str] = []
KINDS, TRAINERS = get_args(GgufType), get_args(Trainer)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="roletune export examples/jarvis --to ~/jarvis-adapter\n\n"
        "roletune export examples/jarvis --merged --gguf q8_0\n\n"
        "roletune export examples/jarvis --bundle jarvis.roletune.zip\n\n"
        "roletune export examples/jarvis --card jarvis.png\n\n"
        "roletune export examples/jarvis --push me/jarvis\n\n"
        "roletune export examples/jarvis --for axolotl"
    )(export)


def export(
    character: Character = Path(),
    to: Annotated[Path | None, typer.Option("--to", help="Folder to write; default: build/export.")] = None,
    merged: Annotated[bool, typer.Option("--merged", help="Also the base with the adapter added into it.")] = False,
    gguf: Annotated[
        list[str], typer.Option("--gguf", help=f"Also the merged model as GGUF, may be repeated: {', '.join(KINDS)}.")
    ] = NO_KINDS,
    hub: Annotated[
        str, typer.Option("--push", help="Upload it to this repository of the Hugging Face hub, with --merged that.")
    ] = "",
    public: Annotated[bool, typer.Option("--public", help="Let everybody see a repository that --push makes.")] = False,
    trainer: Annotated[
        str, typer.Option("--for", help=f"Data and recipe for another trainer instead: {', '.join(TRAINERS)}.")
    ] = "",
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Instead everything as one file, for `roletune install`.")
    ] = None,
    card: Annotated[Path | None, typer.Option("--card", help="Instead its character card: a .png or .json.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the adapter (PEFT, GGUF, Modelfile) with its card and the report in Markdown, and print how to use it."""
    if unknown := [kind for kind in gguf if kind not in KINDS]:
        raise typer.BadParameter(f"there is no {unknown[0]!r}; there are {', '.join(KINDS)}", param_hint="--gguf")
    if trainer not in ("", *TRAINERS):
        raise typer.BadParameter(f"there is no {trainer!r}; there are {', '.join(TRAINERS)}", param_hint="--for")

    async def work(bench: Workbench) -> dict[str, Any]:
        if bundle or card:
            return _in_one_file(bench, bundle, card)
        if trainer:
            told = write_for(bench, cast(Trainer, trainer), to or bench.project.build / "export" / trainer)
            return told | {"lines": _exchanged(told, trainer)}
        folder = to or bench.project.build / "export"
        hashes = copy_adapter(bench, folder)
        whole = whole_model(bench.project.build / "adapter") is not None
        if merged or gguf or whole:
            hashes |= write_merged(bench, folder)
        if gguf:
            hashes |= write_merged_gguf(bench, folder, cast(list[GgufType], gguf))
        hashes |= write_modelfile(bench, folder, hashes)
        told = {"folder": str(folder), "sha256": hashes, **_licence(bench.project)}
        if hub:
            told["url"] = push(bench, folder / MERGED if merged or whole else folder, hub, private=not public)
        return told | {"lines": [] if as_json else _how_to_use(bench, folder, told)}

    told = run_session(character, work, as_json=as_json)
    lines = told.pop("lines")
    if as_json:
        print_json(told)
        return
    for line in lines:
        typer.echo(line)


def _in_one_file(bench: Workbench, bundle: Path | None, card: Path | None) -> dict[str, Any]:
    told: dict[str, Any] = {}
    lines = []
    if card:
        export_card(bench, card)
        told["card"] = str(card)
        lines.append(f"Wrote {card}: load it in SillyTavern or any front end that reads character cards")
    if bundle:
        made = write_bundle(bench, bundle)
        told |= {"bundle": str(bundle), "sha256": {name: file.sha256 for name, file in made.files.items()}}
        lines.append(f"Wrote {bundle} ({bundle.stat().st_size / 1e6:.0f} MB, {len(made.files) + 1} files)")
        lines += [f"Install it anywhere: roletune install {bundle.name}", f"Talk with it: roletune chat {made.name}"]
    return told | {"lines": lines}


def _exchanged(told: dict[str, Any], trainer: str) -> list[str]:
    folder, rows = told["folder"], told["rows"]
    calls = {
        "llamafactory": "llamafactory-cli train llamafactory.yaml",
        "axolotl": "axolotl train axolotl.yaml",
        "trl": "trl sft --config trl.yaml",
    }
    left_out = f", {told['left_out']} can't be told in its format" if told["left_out"] else ""
    return [
        f"Wrote {rows['train']} training and {rows['validation']} validation rows for {trainer}{left_out}",
        f"Train:  cd {folder} && {calls[trainer]}",
        *told["differences"],
    ]


def _how_to_use(bench: Workbench, folder: Path, told: dict[str, Any]) -> list[str]:
    """What was written, the licence, and the commands that take it."""
    hashes, record = told["sha256"], bench.adapter()
    lines = [f"Wrote {', '.join(hashes)} to {folder}"]
    if REPORT not in hashes:
        lines.append(f"This run was not measured yet, so no report goes with it: roletune run {bench.project.folder}")
    if told["licence"]:
        lines.append(f"Licence of the sources: {told['licence']} (see ATTRIBUTION.md)")
    if not told["commercial_use"]:
        lines.append("Commercial use is not allowed, or not known to be.")
    whole = [name for name in hashes if name.endswith(".gguf") and name != "adapter.gguf"]
    lines += [f"llama.cpp:  llama-server -m {folder / name}" for name in whole]
    if "adapter.gguf" in hashes and not whole:
        weights = bench.base
        base = servable_gguf(weights, trainable_folder(weights)) if weights.gguf else "BASE.gguf"
        lines.append(f"llama.cpp:  llama-server -m {base} --lora {folder / 'adapter.gguf'}")
    rank, name = vllm_rank(int(record.recipe["rank"])), bench.project.folder.resolve().name
    if "Modelfile" in hashes:
        link = "" if whole else f"ln -s {base} {folder / BASE_LINK} && "
        lines.append(f"Ollama:     {link}ollama create {name} -f {folder / 'Modelfile'}")
    if f"{MERGED}/config.json" in hashes:
        lines.append(f"vLLM:       vllm serve {folder / MERGED}")
    else:
        served = f"--enable-lora --max-lora-rank {rank} --lora-modules {name}={folder}"
        lines.append(f"vLLM:       vllm serve {record.base} {served}")
    return [*lines, f"Uploaded:   {told['url']}"] if "url" in told else lines


def _licence(project: Project) -> dict[str, Any]:
    """The licence of the whole, and whether it allows commercial use, as the stage `profile` found them."""
    path = project.records("profile")
    profile = read_records(path, Profile)[0] if path.is_file() else Profile(name=project.character.name)
    return {"licence": profile.licence, "commercial_use": profile.commercial_use}
