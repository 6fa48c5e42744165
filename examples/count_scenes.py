"""Counts the scenes of a character and writes the table in its `dialogues/README.md`, between two markers.

    python examples/count_scenes.py examples/jarvis            # rewrites the table
    python examples/count_scenes.py examples/jarvis --check    # changes nothing; 1 if it is out of date

Either exits 1 and says so if a target is missed: near-duplicates under 2 %, nobody the chief partner in 35 % of the
scenes, no opening line twice. Places, times of day and acts are told by the expressions in `count_scenes.yaml`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import yaml

from roletune.engine.duplicates import near_duplicates
from roletune.evaluation.style import Manner, inspect, word_count, words
from roletune.project import Project
from roletune.rendering.script import ParsedScene, parse_script

START, END = "<!-- counted by examples/count_scenes.py -->", "<!-- end of the counts -->"
SCENES_ALIKE, LINES_ALIKE = (
    0.6,
    0.8,
)  # Jaccard similarity of the words of two scenes; of two lines
LONGEST = 60  # words of a line, for the check `too_long`
RULES = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Script:
    """All scenes of a character, and its name."""

    name: str
    aliases: tuple[str, ...]
    scenes: tuple[ParsedScene, ...]

    def lines(self) -> list[str]:
        """What the character says aloud, in order."""
        return [line for scene in self.scenes for line in self.own(scene)]

    def own(self, scene: ParsedScene) -> list[str]:
        """What it says aloud in one scene."""
        return [turn.text for turn in scene.turns if turn.speaker == self.name and turn.kind == "speech"]

    def others(self, scene: ParsedScene) -> Counter[str]:
        """Everybody else who speaks, with their number of lines."""
        return Counter(turn.speaker for turn in scene.turns if turn.speaker not in ("", self.name))


def main() -> int:
    """Rewrite or check the table; 1 if it is out of date or a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the character's folder")
    parser.add_argument("--check", action="store_true", help="change nothing")
    asked = parser.parse_args()
    script = read_script(Project.open(asked.folder))
    rows = count(script)
    missed = list(misses(script))
    readme = asked.folder / "dialogues" / "README.md"
    text = readme.read_text(encoding="utf-8")
    table = "\n".join(["| what | counted |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])
    new = re.sub(f"(?s){START}.*{END}", lambda _: f"{START}\n{table}\n{END}", text)
    if asked.check and new != text:
        missed.append(f"{readme} is out of date")
    elif new != text:
        readme.write_text(new, encoding="utf-8")
    sys.stdout.writelines(f"{miss}\n" for miss in missed)
    return 1 if missed else 0


def read_script(project: Project) -> Script:
    """The scenes of all sources that lie in the character's folder."""
    files = [path for source in project.character.sources for path in project.source_files(source)]
    scenes = tuple(scene for path in files for scene in parse_script(path.read_text(encoding="utf-8")).scenes)
    return Script(project.character.name, project.character.aliases, scenes)


def count(script: Script) -> dict[str, str]:
    """The rows of the table."""
    scenes, n = script.scenes, len(script.scenes)
    headers = [scene.headers for scene in scenes]
    special = {
        "protective": sum(h.get("purpose") == "protective" for h in headers),
        "clean twins": sum("twin" in h for h in headers),
        "three or more people": sum(len(script.others(scene)) > 1 for scene in scenes),
        "with a thought": sum(any(turn.kind == "thought" for turn in scene.turns) for scene in scenes),
    }
    casts = [script.others(scene) for scene in scenes]
    return {
        "scenes": f"{n}: " + shares(special, n),
        "chief partner (says most to him)": shares(Counter(chief(cast) for cast in casts), n, least=3),
        "who speaks with him": shares(Counter(person for cast in casts for person in cast), n, least=3),
        "places": shares(Counter(told_by("places", h.get("location", "")) for h in headers), n),
        "times of day": shares(Counter(told_by("times", h.get("time", "")) for h in headers), n),
        "moods": shares(Counter(h.get("mood", "other") for h in headers), n),
        "acts": shares(acts(script), n),
        "turns a scene": spread(len(scene.turns) for scene in scenes),
        **of_lines(script),
    }


def of_lines(script: Script) -> dict[str, str]:
    """The rows about the character's own lines."""
    lines = script.lines()
    lengths = [word_count(line) for line in lines]
    vocabulary = Counter(word for line in lines for word in words(line))
    manner = Manner((script.name, *script.aliases), longest=LONGEST)
    found = Counter(finding.check for line in lines for finding in inspect(line, manner))
    to_sir = [re.search(r"\bsir\b", line, re.I) is not None for line in after(script, "Tony Stark")]
    sir = [re.search(r"\bsir\b", line, re.I) is not None for line in lines]
    again = [opening for opening, times in openings(script).items() if times > 1]
    return {
        "his lines": f"{len(lines)}, {sum(lengths)} words",
        "words a line": spread(lengths),
        "lines of one to three words": share(sum(length <= 3 for length in lengths), len(lines)),
        "lines of forty words or more": share(sum(length >= 40 for length in lengths), len(lines)),
        "vocabulary": f"{len(vocabulary)} words, of which {sum(k == 1 for k in vocabulary.values())} occur once",
        "lines with “sir”": share(sum(sir), len(sir)),
        "answers to Tony Stark with “sir”": share(sum(to_sir), len(to_sir)),
        "style checks": shares(found, len(lines)) if found else f"nothing found in {len(lines)} lines",
        "opening lines used twice": str(len(again)),
        "near-duplicate scenes": share(len(near_duplicates(texts(script), SCENES_ALIKE)), len(script.scenes)),
        "near-duplicate lines": share(len(near_duplicates(long_lines(script), LINES_ALIKE)), len(long_lines(script))),
    }


def misses(script: Script) -> Iterator[str]:
    """The targets that are missed, with the scenes to mend."""
    scenes = script.scenes
    person, most = Counter(chief(script.others(scene)) for scene in scenes).most_common(1)[0]
    if most / len(scenes) >= 0.35:
        yield f"{person} is the chief partner in {most} of {len(scenes)} scenes"
    yield from (f"opens twice: {opening}" for opening, times in openings(script).items() if times > 1)
    for what, written, threshold in (
        ("scenes", texts(script), SCENES_ALIKE),
        ("lines", long_lines(script), LINES_ALIKE),
    ):
        alike = near_duplicates(written, threshold)
        if len(alike) >= 0.02 * len(written):
            yield from (f"{what} alike: {written[d.earlier][:60]!r}, {written[d.later][:60]!r}" for d in alike)


def openings(script: Script) -> Counter[str]:
    """The first line of every scene, and his own first line, without regard to punctuation."""
    first = [scene.turns[0].text for scene in script.scenes if scene.turns]
    own = [lines[0] for scene in script.scenes if (lines := script.own(scene)) and lines[0] != scene.turns[0].text]
    return Counter(" ".join(words(line)) for line in [*first, *own])


def texts(script: Script) -> list[str]:
    """What is said in each scene."""
    return [" ".join(turn.text for turn in scene.turns) for scene in script.scenes]


def long_lines(script: Script) -> list[str]:
    """His lines of four words or more: "Indeed, sir." may be said often."""
    return [line for line in script.lines() if word_count(line) >= 4]


def after(script: Script, person: str) -> list[str]:
    """His lines that follow one of this person's."""
    pairs = [pair for s in script.scenes for pair in zip(s.turns, s.turns[1:], strict=False)]
    return [b.text for a, b in pairs if a.speaker == person and b.speaker == script.name and b.kind == "speech"]


def acts(script: Script) -> Counter[str]:
    """In how many scenes each act is found in one of his lines, and "other" for those with none."""
    found: Counter[str] = Counter()
    for scene in script.scenes:
        lines = script.own(scene)
        here = [act for act, rule in RULES["acts"].items() if any(re.search(rule, line, re.I) for line in lines)]
        found.update(here or ["other"])
    return found


def told_by(kind: str, header: str) -> str:
    """The first group of `kind` whose expression matches."""
    return next((name for name, rule in RULES[kind].items() if re.search(rule, header, re.I)), "other")


def chief(cast: Counter[str]) -> str:
    """Who of them says most; the first to speak if two say as much."""
    return cast.most_common(1)[0][0] if cast else "nobody"


def shares(counts: Mapping[str, int], n: int, least: int = 1) -> str:
    """`name 12 (6 %), ...`, the most frequent first; those below `least` are one item."""
    shown = [f"{name} {k} ({k / n:.0%})" for name, k in Counter(counts).most_common() if k >= least]
    rest = [k for k in counts.values() if k < least]
    return ", ".join([*shown, *([f"{len(rest)} others {sum(rest)}"] if rest else [])]).replace("%", " %")


def share(count: int, n: int) -> str:
    """`3 of 100 (3.0 %)`."""
    return f"{count} of {n} ({100 * count / max(n, 1):.1f} %)"


def spread(values: Iterable[int]) -> str:
    """Smallest, median and largest."""
    ordered: Sequence[int] = sorted(values)
    return f"{ordered[0]} to {ordered[-1]}, median {median(ordered):g}"


if __name__ == "__main__":
    sys.exit(main())
