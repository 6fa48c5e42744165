import io
import json
import subprocess
import sys
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.formats import EXTENSIONS, READERS, ReadOptions, detect, read_source

PROSE = "# Mira\n\nMira keeps the lighthouse.\n\nBorn: 1815\n\nShe says: nothing much.\n"
SCRIPT = "## Scene: The lamp\nLocation: the tower\n\nOlaf: Why green?\nMira: Copper salts.\n"
PLAY = "# A play\n\n## ACT I\n\n### SCENE I. A hall.\n\n**MIRA**  \nWho goes there,\nand why?\n\n**OLAF**\nI do.\n"

SAMPLES = {
    "prose": ("a.md", PROSE),
    "script": ("a.txt", SCRIPT),
    "plain": ("a.txt", "[00:01] mira: who is it\n[00:04] olaf: me again\n[00:09] mira: go home\n"),
    "fountain": ("a.fountain", ""),
    "fdx": ("a.xml", '<?xml version="1.0"?>\n<FinalDraft DocumentType="Script">'),
    "tei": ("a.xml", '<?xml version="1.0"?>\n<TEI xmlns="http://www.tei-c.org/ns/1.0">'),
    "html": ("a.txt", "<!DOCTYPE html>\n<html>"),
    "subtitles": ("a.txt", "1\n00:00:01,000 --> 00:00:02,000\nHello.\n"),
    "webvtt": ("a.txt", "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Mira>Hello.\n"),
    "rttm": ("a.txt", "SPEAKER talk 1 0.00 1.20 <NA> <NA> A <NA> <NA>\n"),
    "cornell": ("movie_lines.txt", "L1 +++$+++ u0 +++$+++ m0 +++$+++ MIRA +++$+++ Hello.\n"),
    "wiki-transcript": ("a.wiki", "'''Mira:''' Hello.\n"),
    "wiki": ("a.json", '{"format": "roletune wiki page", "page_id": 1, "revision_id": 2}'),
    "card": ("a.json", '{"spec": "chara_card_v2", "data": {"name": "Mira"}}'),
    "chat-log": ("a.jsonl", '{"user_name": "Olaf", "character_name": "Mira"}\n{"name": "Mira", "mes": "Hello."}\n'),
    "speech": ("a.json", '{"segments": [{"start": 0.0, "end": 1.0, "text": "Hello."}], "language": "en"}'),
    "sharegpt": ("a.json", '[{"conversations": [{"from": "human", "value": "Hello."}]}]'),
    "openai-messages": ("a.jsonl", '{"messages": [{"role": "user", "content": "Hello."}]}\n'),
    "alpaca": ("a.json", '[{"instruction": "Hello.", "input": "", "output": "Hm."}]'),
    "rolebench": ("a.jsonl", '{"role": "Mira", "question": "Who?", "generated": ["I."]}\n'),
    "character-llm": ("a.json", '{"prompt": "Context:", "completions": ["Mira (speaking): Hm."]}\n{"prompt": "x"}'),
    "pdf": ("a.bin", "%PDF-1.7\n"),
    "epub": ("a.epub", "PK\x03\x04"),
}


@pytest.mark.parametrize("form", SAMPLES)
def test_a_format_is_recognised_by_what_is_in_the_file(form):
    name, text = SAMPLES[form]
    assert detect(name, text.encode()) == form


def test_every_format_has_a_sample():
    assert set(SAMPLES) == set(READERS)


@pytest.mark.parametrize("form", ["card", "sharegpt", "chat-log", "character-llm", "speech"])
def test_a_json_file_of_which_only_the_beginning_is_seen_is_recognised(form):
    name, text = SAMPLES[form]
    assert detect(name, text.rstrip("}] \n")[:-3].encode()) == form


@pytest.mark.parametrize(
    ("name", "head", "form"),
    [
        ("Mira.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "card"),
        ("Mira.charx", b"PK\x03\x04", "card"),
        ("book.bin", b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/epub+zip", "epub"),
        ("a.txt", b"PLAIN? No: prose.\n\nIt has two paragraphs.\n", "prose"),
        ("play.md", PLAY.encode(), "script"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nHello.\n".encode("utf-16"), "subtitles"),
        ("a.txt", "Mira: Hello.\nOlaf: Hello yourself.\n".encode("utf-16"), "script"),
        ("a.txt", b"INT. TOWER - NIGHT\n\nMIRA\nHello.\n", "fountain"),
        ("mira.yaml", b"name: Mira\ngreeting: Hello.\n", "card"),
        ("notes", b"Mira keeps the lighthouse.", "prose"),
    ],
)
def test_other_ways_to_recognise_a_format(name, head, form):
    assert detect(name, head) == form


def test_a_list_of_facts_is_no_conversation():
    facts = "".join(f"Field{k}: value number {k}\n\nA paragraph about it that nobody says.\n\n" for k in range(9))
    assert detect("a.md", facts.encode()) == "prose"


@pytest.mark.parametrize(("name", "data"), [("a.exe", b"MZ\x90"), ("a.json", b'{"x": 1}'), ("a.xml", b"<svg/>")])
def test_an_unknown_format_is_refused_with_the_names_of_those_that_are_known(name, data):
    with pytest.raises(SourceError, match=rf"{name} is in no format that can be read.*fountain.*alpaca"):
        read_source(data, name)
    with pytest.raises(SourceError, match=r"no format 'word'.*fountain"):
        read_source(data, name, "word")


def test_a_named_format_is_not_looked_for():
    form, reading = read_source(PROSE.encode(), "a.srt", "prose")
    assert (form, reading.title) == ("prose", "Mira")


def test_every_format_that_an_extension_names_exists():
    assert {form for form in EXTENSIONS.values() if form} <= set(READERS)


def test_the_table_of_formats_loads_no_reader():
    code = (
        "import sys\nbefore = set(sys.modules)\nimport roletune.sources.formats\n"
        "heavy = {'lxml', 'pypdf', 'trafilatura', 'pysubs2', 'webvtt', 'mwclient', 'mwparserfromhell'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@given(st.binary(max_size=400), st.sampled_from([*EXTENSIONS, "", ".bin"]))
@settings(max_examples=100, deadline=None)
def test_whatever_the_bytes_are_a_format_or_a_refusal_comes_out(data, suffix):
    with suppress(SourceError):
        assert detect(f"a{suffix}", data) in READERS


@given(st.recursive(st.none() | st.text(max_size=5), lambda x: st.lists(x) | st.dictionaries(st.text(max_size=5), x)))
@settings(max_examples=50, deadline=None)
def test_any_json_is_a_known_format_or_refused(value):
    with pytest.raises(SourceError):
        detect("a.json", json.dumps(value).encode())


WIKI = {
    "format": "roletune wiki page",
    "address": "wiki:Mira",
    "title": "Mira",
    "page_id": 1,
    "revision_id": 2,
    "timestamp": "2026-03-01T10:00:00Z",
    "url": "https://wiki.example/Mira",
    "fetched": "2026-03-02T10:00:00Z",
    "wikitext": "Mira keeps the light.\n\n== Work ==\nShe winds the clock.\n\n== Death ==\nShe drowned.\n",
}


def test_sections_of_a_wiki_page_can_be_picked_and_skipped():
    def paragraphs(options):
        _, reading = read_source(json.dumps(WIKI).encode(), "a.wiki.json", options=options)
        return [paragraph.text for paragraph in reading.paragraphs]

    assert len(paragraphs(ReadOptions())) == 3
    assert "She drowned." not in paragraphs(ReadOptions(skip=("Death",)))
    assert "She winds the clock." in paragraphs(ReadOptions(sections=("Work",)))
    with pytest.raises(SourceError, match="read as prose, which has no sections: that is for wiki"):
        read_source(PROSE.encode(), "a.md", options=ReadOptions(sections=("Work",)))


PLAYED = {
    "fountain": "INT. TOWER - NIGHT\n\nMIRA (O.S.)\nWho is there?\n\nOLAF\nOnly the post.\n",
    "subtitles": "1\n00:00:01,000 --> 00:00:02,000\nMIRA: Who is there?\n\n"
    "2\n00:00:03,000 --> 00:00:04,000\nOLAF: The post.\n",
    "webvtt": "WEBVTT\n\n00:01.000 --> 00:02.000\n<v MIRA>Who is there?\n\n"
    "00:03.000 --> 00:04.000\n<v OLAF>The post.\n",
    "tei": '<TEI xmlns="http://www.tei-c.org/ns/1.0"><text><body><div type="scene"><sp><speaker>MIRA</speaker>'
    "<p>Who is there?</p></sp><sp><speaker>OLAF</speaker><p>The post.</p></sp></div></body></text></TEI>",
    "speech": '{"segments": [{"start": 0, "end": 1, "speaker": "MIRA", "text": "Who is there?"}, '
    '{"start": 1, "end": 2, "speaker": "OLAF", "text": "The post."}]}',
    "chat-log": '{"user_name": "OLAF", "character_name": "MIRA"}\n{"name": "MIRA", "is_user": false, "mes": "Who?"}\n'
    '{"name": "OLAF", "is_user": true, "mes": "The post."}\n',
    "script": "## Scene: X\n\nMIRA: Who is there?\nOLAF: The post.\n",
    "plain": "MIRA: Who is there?\nOLAF: The post.\n",
    "wiki-transcript": "'''MIRA''': Who is there?\n\n'''OLAF''': The post.\n",
}


@pytest.mark.parametrize("form", PLAYED)
def test_a_conversation_is_the_same_in_every_format(form):
    _, reading = read_source(PLAYED[form].encode(), f"a.{form}", form)
    speakers = [turn.speaker for scene in reading.scenes for turn in scene.turns if turn.kind == "speech"]
    assert [name.upper() for name in speakers] == ["MIRA", "OLAF"]


OTHERS = {
    "character-llm": [
        '{"setting": [], "dialogue": [{"role": "Mira", "action": "", "content": "Hm."}]}',
        '{"type": "chat", "location": "the quay", "background": "It rains."}',
    ],
    "alpaca": ['[{"instruction": "Who?", "context": "", "response": "I."}]'],
    "sharegpt": ['{"conversation": [{"from": "human", "value": "Who?"}]}'],
    "openai-messages": [
        '[{"from": "human", "value": "Who?"}]',
        '[{"role": "user", "content": "Who?"}]',
        '[[{"role": "user", "content": "Who?"}]]',
    ],
    "card": [
        '{"name": "Mira", "description": "A keeper."}',
        '{"entries": {"0": {"key": ["lamp"], "content": "Green."}}}',
    ],
    "speech": ['{"transcription": [{"offsets": {"from": 0, "to": 900}, "text": "Who?"}]}'],
}


@pytest.mark.parametrize(("form", "text"), [(form, text) for form, texts in OTHERS.items() for text in texts])
def test_relatives_of_a_format_are_recognised_and_give_something(form, text):
    found, reading = read_source(text.encode(), "a.json")
    assert found == form
    assert reading.scenes or reading.paragraphs


def corpus():
    lines = [
        f"L{k} +++$+++ u{k} +++$+++ m{k // 2} +++$+++ {who} +++$+++ Ho {k}."
        for k, who in enumerate(["MIRA", "OLAF", "MIRA", "PER"])
    ]
    talks = ["u0 +++$+++ u1 +++$+++ m0 +++$+++ ['L0', 'L1']", "u2 +++$+++ u3 +++$+++ m1 +++$+++ ['L2', 'L3']"]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("corpus/readme.txt", "x" * 400_000)
        archive.writestr("corpus/movie_lines.txt", "\n".join(lines))
        archive.writestr("corpus/movie_conversations.txt", "\n".join(talks))
    return data.getvalue()


def test_one_film_of_a_corpus_and_one_role_of_many_are_picked():
    form, reading = read_source(corpus(), "corpus.zip")
    assert (form, len(reading.scenes)) == ("cornell", 2)
    assert len(read_source(corpus(), "corpus.zip", options=ReadOptions(part="m1"))[1].scenes) == 1
    rows = [{"role": role, "question": "Who?", "generated": ["I."]} for role in ("Mira", "Per")]
    data = "\n".join(map(json.dumps, rows)).encode()
    assert len(read_source(data, "a.jsonl", options=ReadOptions(part="mira"))[1].scenes) == 1
    with pytest.raises(SourceError, match="no part: that is for cornell, rolebench"):
        read_source(PROSE.encode(), "a.md", options=ReadOptions(part="Mira"))


def test_who_speaks_when_is_told_by_a_file_beside_recognised_speech():
    speech = json.dumps({"segments": [{"start": 0.0, "end": 1.5, "text": "Who is there?"}]})
    rttm = "SPEAKER talk 1 0.00 1.50 <NA> <NA> mira <NA> <NA>\n"
    _, reading = read_source(speech.encode(), "talk.json", options=ReadOptions(rttm=rttm))
    assert [turn.speaker for turn in reading.scenes[0].turns] == ["mira"]


def test_printed_names_become_who_they_are():
    chat = json.dumps({"conversations": [{"from": "human", "value": "Hi."}, {"from": "gpt", "value": "gpt? Hm."}]})
    _, reading = read_source(chat.encode(), "a.json", options=ReadOptions(speakers={"GPT": "Mira", "nobody": "Per"}))
    assert [(turn.speaker, turn.text) for turn in reading.scenes[0].turns] == [("human", "Hi."), ("Mira", "gpt? Hm.")]
