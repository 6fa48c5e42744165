"""Who judges: the models bound to the role `judge`, and to `judges` where there are several."""

from __future__ import annotations

from collections.abc import Mapping

from roletune.errors import ProjectError
from roletune.llm.ledger import RememberedModel
from roletune.llm.model import ChatModel
from roletune.llm.settings import Endpoint
from roletune.workbench import Workbench

ROLE = "judge"
HOW_TO_BIND = """No judge is bound. Two lines in character.yaml bind any model behind an OpenAI-compatible URL:
models:
  judge: {url: "https://api.openai.com/v1", model: gpt-5-mini, key: OPENAI_API_KEY}"""


def judges(bench: Workbench, stage: str) -> dict[str, ChatModel]:
    """The judges by the name of their model, every answer remembered under `stage`; none if none is bound.

    The embedded model is never a judge by default: it is the one that is judged. Raises ProjectError if two judges have
    one name, since their verdicts could not be told apart.
    """
    standing_in = [model for role, model in bench.models.items() if role.startswith(ROLE)]
    models = standing_in or [bench.behind.model(endpoint) for endpoint in _endpoints(bench)]
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise ProjectError("models.judges: two judges are the same model. Every judge needs another one.")
    return {model.name: RememberedModel(model, bench.ledger, stage) for model in models}


def interviewer(bench: Workbench, stage: str) -> ChatModel | None:
    """The model bound to the role `interviewer`, or else the first judge; None if neither is bound."""
    if "interviewer" in bench.models or bench.project.character.models.interviewer:
        return bench.ask("interviewer", stage)
    return next(iter(judges(bench, stage).values()), None)


def concurrency(bench: Workbench) -> int:
    """Calls at a time that all judges take."""
    return min((endpoint.at_a_time for endpoint in _endpoints(bench)), default=bench.concurrency(ROLE))


def price(bench: Workbench, spent: Mapping[str, tuple[int, int]]) -> str:
    """What so many tokens in and out, by judge, cost: `1.20 USD`; empty where a judge has no price."""
    prices = {endpoint.model: endpoint.charged for endpoint in _endpoints(bench)}
    sums: dict[str, float] = {}
    for judge, tokens in spent.items():
        asked = prices.get(judge)
        if asked is None:
            return ""
        sums[asked.currency] = sums.get(asked.currency, 0.0) + asked.of(*tokens)
    return ", ".join(f"{amount:.2f} {currency}" for currency, amount in sums.items())


def _endpoints(bench: Workbench) -> list[Endpoint]:
    bound = bench.project.character.models
    return [endpoint for endpoint in (bound.judge, *bound.judges) if endpoint]
