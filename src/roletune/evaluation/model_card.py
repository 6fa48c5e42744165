"""The adapter's card, as the Hugging Face hub shows it: what it is, what it is not for, how to load it, how good it is.

Format: https://huggingface.co/docs/hub/model-cards. What a user, a model or a source wrote is escaped, so it can become
neither markup nor a key of the front matter. No path of this machine is in it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import yaml

from roletune.evaluation import templating
from roletune.evaluation.style import shown_checks
from roletune.models.weights import HUB_ID
from roletune.records import CONTESTANTS, Report, Subject

# Of https://huggingface.co/docs/hub/repositories-licenses, those that a text of one's own may be under.
_LICENCES = re.compile(
    r"apache-2\.0|mit|isc|zlib|unlicense|wtfpl|openrail|bsd-[23]-clause|cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[34]\.0|"
    r"[la]?gpl-3\.0|gpl-2\.0|mpl-2\.0"
)
_VLLM_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


def render_card(
    report: Report, *, subject: Subject, language: str, licence: str, gguf: bool, merged: bool = False
) -> str:
    """`README.md` of the adapter's folder; `gguf` tells whether an `adapter.gguf` is beside it.

    With `merged` that of a model into whose weights the adapter was added; one that was trained whole is a model, too.
    """
    whole = report.training.recipe.get("method") == "full"
    merged = merged or whole
    hub = report.base_model if HUB_ID.fullmatch(report.base_model) else ""
    recipe = {name: value for name, value in report.training.recipe.items() if name != "base"}  # may be a path
    page = (
        templating.text()
        .get_template("card.md.jinja")
        .render(
            report=report,
            front_matter=yaml.safe_dump(
                front_matter(hub, language, licence, merged=merged), sort_keys=False, allow_unicode=True
            ).rstrip(),
            hub=hub,
            base=hub or re.split(r"[/\\]", report.base_model)[-1],
            recipe=recipe,
            subject=subject,
            licence=licence,
            gguf=gguf and not merged,
            merged=merged,
            whole=whole,
            slug=slug(report.character) or "character",
            vllm_rank=vllm_rank(int(recipe.get("rank", 64))),
            contestants=CONTESTANTS,
            everybody=report.evaluation.contestants,
            style=report.evaluation.style.rates,
            shown_checks=shown_checks(report.evaluation.style),
        )
    )
    return page.rstrip() + "\n"


def front_matter(hub: str, language: str, licence: str, *, merged: bool = False) -> dict[str, Any]:
    """The card's metadata; what the hub could not read is left out."""
    relation = "finetune" if merged else "adapter"
    found: dict[str, Any] = {"base_model": hub, "base_model_relation": relation} if hub else {}
    found |= {"library_name": "transformers" if merged else "peft", "pipeline_tag": "text-generation"}
    found |= _licence(licence)
    if re.fullmatch(r"[a-z]{2,3}", language):
        found["language"] = [language]
    return found | {"tags": ["roleplay", "lora", "character", "roletune"]}


def _licence(licence: str) -> dict[str, str]:
    """A licence with conditions beside it is none that the hub knows: who filters by licence must not be misled."""
    known = "-".join(licence.casefold().split())
    if _LICENCES.fullmatch(known):
        return {"license": known}
    return {"license": "other", "license_name": slug(licence) or "see-below"} if licence.strip() else {}


def slug(text: str) -> str:
    """`text` in lower-case ASCII letters, digits and hyphens; may be empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9.]+", "-", plain)[:80].strip("-.")


def vllm_rank(rank: int) -> int:
    """The least rank that vLLM's option takes and that is enough."""
    return next((each for each in _VLLM_RANKS if each >= rank), rank)
