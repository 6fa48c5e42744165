"""How clients are told where the characters are: snippets to copy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2

_TEMPLATE = Path(__file__).with_name("clients.txt.jinja")


def client_snippets(url: str, names: Sequence[str], key_env: str) -> str:
    """For curl, openai, SillyTavern, Open WebUI, LibreChat and llm; `key_env` is '' where no key is asked for."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        url=url,
        names=list(names),
        keyed=bool(key_env),
        curl_key=f' -H "Authorization: Bearer ${key_env}"' if key_env else "",
        python_key=f'os.environ["{key_env}"]' if key_env else '"none"',
        told_key=f"the value of {key_env}" if key_env else "none (leave it empty)",
        librechat_key=f"${{{key_env}}}" if key_env else "none",
    )
