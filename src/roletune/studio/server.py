"""The studio as a web application: the page, the reports, and the guard around both."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from roletune.errors import MissingExtraError, ProjectError
from roletune.inference.serve.guard import LOOPBACK, Rules
from roletune.inference.serve.run import is_loopback
from roletune.studio.guard import StudioGuard
from roletune.studio.troupe import Troupe

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

TEMPLATES = Path(__file__).parent / "templates"
QUEUE_SECONDS = 0.05  # between two looks at Gradio's queue


def require_packages() -> None:
    """Raise MissingExtraError if the extra `studio` is not installed. Gradio tells nobody that it runs."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is imported
    try:
        import gradio
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("The studio", "studio") from error
    assert gradio
    assert uvicorn


def rules_for(host: str, password: str) -> Rules:
    """Who may ask a studio at `host`. Raises ProjectError for more than this machine without a password."""
    if is_loopback(host):
        return Rules(password, LOOPBACK | {host.casefold()})
    if not password:
        raise ProjectError(
            f"At {host} everybody on the network could use the studio, so it needs a password. Set the environment "
            "variable that --password names (by default ROLETUNE_STUDIO_PASSWORD), or open it at 127.0.0.1."
        )
    return Rules(password, frozenset())


def make_app(troupe: Troupe, rules: Rules) -> ASGIApp:
    """The application; run it in the event loop in which the troupe was opened."""
    import gradio as gr
    from fastapi import FastAPI

    from roletune.studio.page import make_page, theme

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_route("/report/{name}", _reports(troupe))
    page = make_page(troupe)
    mounted = gr.mount_gradio_app(
        app,
        page,
        path="/",
        allowed_paths=[],
        footer_links=[],
        run_history=False,
        max_file_size=0,
        show_error=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        css=(TEMPLATES / "studio.css").read_text("utf-8"),
        head=f"<script>{(TEMPLATES / 'studio.js').read_text('utf-8')}</script>",
    )
    # Gradio looks a thousand times a second whether somebody asked: 7 % of a core for a page that nobody has open.
    page._queue.sleep_when_free = QUEUE_SECONDS
    return StudioGuard(mounted, rules)


def _reports(troupe: Troupe) -> Callable[[Request], Awaitable[Response]]:
    """The report of a character by its name; other names have none, so no path is ever made of what was asked."""
    from starlette.responses import HTMLResponse, PlainTextResponse

    async def report(request: Request) -> Response:
        player = troupe.players.get(request.path_params["name"])
        path = player.project.build / "report" / "report.html" if player else None
        if path is None or not path.is_file():
            return PlainTextResponse("There is no such report.", 404)
        return HTMLResponse(path.read_text("utf-8"))

    return report
