"""How long sources take to be read: 1,000 pages of wikitext and a script of 5 MB, both generated.

python benchmarks/sources.py            prints seconds and megabytes a second
python benchmarks/sources.py --pages 50 --megabytes 1
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable

from roletune.records import Profile
from roletune.sources import material
from roletune.sources.cited import Cited
from roletune.sources.formats import read_source
from roletune.sources.material import Material
from roletune.sources.splits import SplitSettings

WORDS = (  # noqa: SIM905 - a list of them would fill the page
    "the lamp keeper wrote that harbour ice broke early and nobody believed her until boats came back with copper "
    "salt rope news debts a letter from Oslo and one drunk captain who sang about weather"
).split()
NAMES = ("Mira", "Olaf", "Per Hansen", "The Captain")


def sentence(chance: random.Random) -> str:
    """A dozen words, which mean nothing."""
    return " ".join(chance.choices(WORDS, k=chance.randint(6, 18))).capitalize() + "."


def paragraph(chance: random.Random) -> str:
    """A few sentences with links, bold text and references, as wikis have them."""
    parts = [sentence(chance) for _ in range(chance.randint(3, 7))]
    parts[0] = parts[0].replace(" ", " [[harbour|", 1).replace(".", "]].")
    return " ".join(parts) + f"<ref name='a'>{{{{cite book|title={sentence(chance)}|year=1815}}}}</ref>"


def page(number: int) -> bytes:
    """A page of a wiki as it is stored, with an infobox, a quote, sections, a table and categories."""
    chance = random.Random(number)
    box = "{{Infobox character\n| name = Mira\n| born = 1815\n| occupation = [[Keeper]]\n}}\n"
    quote = f"{{{{Quote|{sentence(chance)}|Mira}}}}\n"
    table = '{| class="wikitable"\n! Year !! Ships\n|-\n| 1840 || 12\n|}\n'
    sections = "".join(
        f"== Part {part} ==\n" + "\n\n".join(paragraph(chance) for _ in range(4)) + "\n" for part in range(5)
    )
    text = f"{box}{quote}'''Mira''' {paragraph(chance)}\n\n{sections}{table}[[Category:Keepers]]\n"
    stored = {
        "schema_version": 1,
        "format": "roletune wiki page",
        "address": "wiki:Mira",
        "title": f"Mira {number}",
        "page_id": number,
        "revision_id": number,
        "timestamp": "2026-03-01T10:00:00Z",
        "url": f"https://wiki.example/Mira_{number}",
        "licence": "CC BY-SA 4.0",
        "fetched": "2026-03-02T10:00:00Z",
        "wikitext": text,
    }
    return json.dumps(stored).encode()


def script(size: int) -> bytes:
    """Scenes of twenty speeches, `size` bytes of them or a little more."""
    chance = random.Random(0)
    scenes: list[str] = []
    length = 0
    while length < size:
        lines = [f"## Scene: {sentence(chance)[:40]} {len(scenes)}\nLocation: the tower\n"]
        lines += [f"{chance.choice(NAMES)}: {sentence(chance)} {sentence(chance)}" for _ in range(20)]
        scenes.append("\n".join(lines) + "\n")
        length += len(scenes[-1])
    return "\n".join(scenes).encode()


def measure(what: str, size: int, work: Callable[[], int]) -> None:
    """Do it once and print how long it took."""
    started, computed = time.perf_counter(), time.process_time()
    made = work()
    seconds, busy = time.perf_counter() - started, time.process_time() - computed
    rate = f"{size / 1e6 / busy:.1f} MB a second"
    print(f"{what}: {size / 1e6:.1f} MB, {made:,} records, {seconds:.2f} s ({busy:.2f} s of them computing, {rate})")


def records(files: list[bytes], name: str, form: str) -> int:
    """The passages and dialogues of some files."""
    profile = Profile(name="Mira")
    materials = [
        Material(Cited(f"{name}-{number}", "authentic"), form, read_source(data, name, form)[1])
        for number, data in enumerate(files)
    ]
    read = material.dialogues(materials, profile, SplitSettings())
    return len(material.passages(materials)[0]) + len(read.dialogues)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--megabytes", type=float, default=5)
    options = parser.parse_args()
    pages = [page(number) for number in range(options.pages)]
    play = [script(int(options.megabytes * 1e6))]
    measure(f"{options.pages} pages of wikitext", sum(map(len, pages)), lambda: records(pages, "page.json", "wiki"))
    measure("a script", len(play[0]), lambda: records(play, "play.md", "script"))


if __name__ == "__main__":
    main()
