"""What every record made from one source carries: where it comes from, in which version, under which licence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from roletune.records import Fact, Origin, Passage, Provenance, fingerprint
from roletune.sources.reading import Reading
from roletune.sources.sentences import cut


@dataclass(frozen=True)
class Cited:
    """One source: `name` is how records tell it, the same on every machine."""

    name: str
    origin: Origin = "written"
    licence: str = ""
    url: str = ""
    revision: str = ""
    date: str = ""

    def provenance(self, item: str, start: int | None = None, end: int | None = None) -> Provenance:
        """Of a record made from the part `item` of this source."""
        return Provenance(
            source=item,
            url=self.url,
            revision=self.revision,
            date=self.date,
            licence=self.licence,
            start=start,
            end=end,
        )


def cite(
    reading: Reading, name: str, origin: Origin = "written", licence: str = "", url: str = "", date: str = ""
) -> Cited:
    """What settings tell about a source wins; what they leave out, the source tells itself."""
    return Cited(
        name,
        origin,
        licence=licence or reading.licence,
        url=url or reading.url,
        revision=reading.revision,
        date=date or reading.date,
    )


def passages_of(reading: Reading, cited: Cited) -> Iterator[Passage]:
    """The paragraphs of a reading as passages, long ones cut at sentences."""
    for paragraph in reading.paragraphs:
        exact = paragraph.start is not None and paragraph.end == paragraph.start + len(paragraph.text)
        for piece in cut(paragraph.text):
            moved = paragraph.start if exact and paragraph.start is not None else None
            yield Passage(
                id=fingerprint(piece.text),
                text=piece.text,
                heading=paragraph.heading,
                source=f"{cited.name}#{paragraph.heading}" if paragraph.heading else cited.name,
                attribution=paragraph.cited,
                licence=cited.licence,
                url=cited.url,
                revision=cited.revision,
                date=cited.date,
                start=paragraph.start if moved is None else moved + piece.start,
                end=paragraph.end if moved is None else moved + piece.end,
            )


def facts_of(reading: Reading, cited: Cited) -> list[Fact]:
    """The fields of an infobox or a card."""
    return [Fact(name=name, value=value, source=cited.name) for name, value in reading.facts.items() if value]
