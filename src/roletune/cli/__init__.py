"""The command line: parse, open the project, call the pipeline, print.

A user's mistake is one message and exit code 1; a bug is a traceback; Ctrl-C is exit code 130 and loses nothing that
was finished. `--help` imports no torch.
"""

from __future__ import annotations

import sys

import typer

from roletune import __version__
from roletune.cli import (
    ablate,
    arena,
    batches,
    calibrate,
    character,
    compare,
    cost,
    curve,
    export,
    import_,
    install,
    models,
    prefer,
    quality,
    questions,
    review,
    rolebench,
    runs,
    serve,
    show,
    stages,
    studio,
    talk,
    trace,
)
from roletune.cli.panels import arrange
from roletune.cli.session import fail
from roletune.engine.threads import wait_as_suits
from roletune.errors import RoletuneError

app = typer.Typer(
    name="roletune",
    help="Make a language model play a character, and prove that it does.",
    epilog="Begin with: roletune new mycharacter   or   roletune run examples/jarvis",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"roletune {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


for module in (
    character,
    import_,
    stages,
    prefer,
    runs,
    show,
    quality,
    questions,
    review,
    trace,
    cost,
    batches,
    talk,
    serve,
    studio,
    arena,
    calibrate,
    compare,
    ablate,
    curve,
    export,
    install,
    models,
    rolebench,
):
    module.register(app)
arrange(app)


def main() -> None:
    """The entry point `roletune`."""
    wait_as_suits()
    try:
        app()
    except RoletuneError as error:
        fail(error, as_json="--json" in sys.argv)
