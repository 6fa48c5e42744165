"""Method `plots`: a plot from a passage, a question in it, and the dialogue that answers it."""

from __future__ import annotations

from roletune.synthesis.plots import write_plot
from roletune.synthesis.settings import plan_calls
from roletune.verbs.stage import Stage
from roletune.verbs.writing import again, ask_each, keep_good, writing_settings
from roletune.workbench import Workbench


async def make_plots(bench: Workbench) -> str:
    """Ask for plots passage by passage and have each played out; the quality filters decide what is kept."""
    settings, profile = bench.project.character.plots, bench.profile
    writer, prompt, dialogue_prompt = (
        bench.ask("writer", "plots"),
        bench.prompt("plots"),
        bench.prompt("plots_dialogue"),
    )
    made, failed = await ask_each(
        bench,
        "plots",
        plan_calls(profile.passages, settings.count),
        lambda call: write_plot(
            call,
            writer,
            profile=profile,
            prompt=prompt,
            dialogue_prompt=dialogue_prompt,
            settings=settings,
            again=again(bench, settings.retries),
        ),
    )
    return keep_good(bench, "plots", made, failed, settings.quality)


STAGE = Stage(
    "plots",
    "write dialogues about one question each: plot, question, dialogue",
    make_plots,
    reads=("profile.jsonl",),
    writes=("plots.jsonl", "plots.rejected.jsonl"),
    settings=lambda bench: (
        bench.project.character.plots,
        bench.prompt("plots_dialogue").hash,
        writing_settings(bench, "plots"),
    ),
)
