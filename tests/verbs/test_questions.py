import asyncio
import json
import re

from tests.character import make_character, workbench
from typer.testing import CliRunner

from roletune.cli import app
from roletune.engine.store import read_records
from roletune.evaluation.questions import read_questions
from roletune.llm.scripted import ScriptedModel
from roletune.pipeline import make
from roletune.records import Rejection
from roletune.synthesis.questions import TOPICS, QuestionsWanted
from roletune.verbs.questions import propose_questions

WORDS = ["lamp", "gull", "stove", "reef", "paint", "ladder", "radio", "ledger", "tide", "parcel", "storm", "map"]


def write(request):
    """Questions that differ by topic and sample; of each reply, the last repeats the first of all."""
    told = request.messages[0]["content"]
    place = sum(map(ord, told)) + request.sample
    some = [WORDS[(place + 5 * k) % len(WORDS)] + str(place + k) for k in range(2)]
    return "\n".join(
        [*(f"Question: What of {word}, {word * 2} and {word * 3}?" for word in some), "Question: Who are you?"]
    )


def proposed(folder, wanted, writer=write):
    model = ScriptedModel(writer)

    async def work():
        async with workbench(folder, model) as bench:
            await make(bench, "profile")
            return await propose_questions(bench, wanted), model.requests

    return asyncio.run(work())


def test_the_file_holds_questions_of_all_topics_and_none_twice(tmp_path):
    folder = make_character(tmp_path / "mira")
    found, requests = proposed(folder, QuestionsWanted(per_topic=3, per_call=3))
    texts = [one.text for one in read_questions(folder / "interview.yaml")]
    assert {one.topic for one in found.added} == set(TOPICS)
    assert len(set(texts)) == len(texts) == 9
    assert [one.reason for one in found.rejected] == ["asks the same again"] * 3
    assert not any(re.search(r"Copper salts|herrings", str(request.messages)) for request in requests)  # no dialogue


def test_hand_edits_stay_and_what_was_taken_out_does_not_come_back(tmp_path):
    folder = make_character(tmp_path / "mira")
    proposed(folder, QuestionsWanted(per_topic=3, per_call=3))
    path = folder / "interview.yaml"
    edited = re.sub(r"- .*Who are you.*\n", "- text: My own one?  # mine\n", path.read_text())
    path.write_text(edited)
    found, _ = proposed(folder, QuestionsWanted(per_topic=3, per_call=3))
    assert found.added == ()
    assert path.read_text() == edited
    more, _ = proposed(folder, QuestionsWanted(per_topic=3, per_call=3, round=1))
    assert more.added
    assert path.read_text().startswith(edited)
    assert "Who are you?" not in path.read_text()


def test_a_reply_without_questions_is_rejected_with_its_text_and_the_others_count(tmp_path):
    folder = make_character(tmp_path / "mira")

    def write_little(request):
        return "No." if "lived through" in request.messages[0]["content"] else write(request)

    found, _ = proposed(folder, QuestionsWanted(per_topic=3, per_call=3), write_little)
    assert {one.topic for one in found.added} == set(TOPICS[1:])
    assert [one.record["raw"] for one in found.rejected if "raw" in one.record] == ["No."]
    assert read_records(folder / "build" / "questions.rejected.jsonl", Rejection) == list(found.rejected)


def test_a_full_file_asks_nobody(tmp_path):
    folder = make_character(tmp_path / "mira")
    full = "".join(f"- {{topic: {topic}, text: 'What is {WORDS[k]}?'}}\n" for k, topic in enumerate(TOPICS))
    (folder / "interview.yaml").write_text(full)
    told = CliRunner().invoke(app, ["questions", str(folder), "--per-topic", "1", "--json"])
    assert (told.exit_code, (folder / "interview.yaml").read_text()) == (0, full)
    assert json.loads(told.stdout)["there"] == 4
