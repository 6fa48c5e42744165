import re

import pytest
import yaml

from roletune.evaluation.model_card import front_matter, render_card, slug
from roletune.evaluation.replies import CONTESTANTS
from roletune.records import Report

from . import invented

HOSTILE = "J\n---\nlicense: mit\n---\n# <script>alert(1)</script> [x](http://y) `z` | {{ 7 * 7 }}"
TEXT = {"subject": "fictional", "language": "en", "licence": "MIT", "gguf": True}


def card(report=None, **changes):
    return render_card(report or invented.report(), **{**TEXT, **changes})


def parts(page):
    """The front matter as a value, and the text after it."""
    _, front, text = re.split(r"(?m)^---$", page, maxsplit=2)
    return yaml.safe_load(front), text


def with_recipe(report, base_model, **recipe):
    training = report.training.model_copy(update={"recipe": {**report.training.recipe, **recipe}})
    return report.model_copy(update={"training": training, "base_model": base_model})


def test_the_front_matter_is_what_the_hub_reads():
    front, _ = parts(card())
    assert front == {
        "base_model": "HuggingFaceTB/SmolLM2-135M-Instruct",
        "base_model_relation": "adapter",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "license": "mit",
        "language": ["en"],
        "tags": ["roleplay", "lora", "character", "roletune"],
    }


@pytest.mark.parametrize(
    ("licence", "told"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("CC BY-NC 4.0", {"license": "cc-by-nc-4.0"}),
        ("Apache-2.0 (not for sale)", {"license": "other", "license_name": "apache-2.0-not-for-sale"}),
        ("版权所有", {"license": "other", "license_name": "see-below"}),
        ("x\nlibrary_name: y", {"license": "other", "license_name": "x-library-name-y"}),
        (" ", {}),
    ],
)
def test_only_a_licence_without_conditions_beside_it_is_one_the_hub_knows(licence, told):
    found = front_matter("", "en", licence)
    assert {name: value for name, value in found.items() if name.startswith("license")} == told
    assert found["library_name"] == "peft"


@pytest.mark.parametrize("language", ["en: x", "English", "", "../x"])
def test_a_language_that_is_no_code_is_left_out(language):
    assert "language" not in front_matter("", language, "MIT")


def test_every_section_is_there_with_the_figures_and_their_intervals():
    report = invented.report()
    front, text = parts(card(report))
    headings = re.findall(r"(?m)^## (.+)$", text)
    assert headings == [
        "What it is for, and what not",
        "Licence",
        "How to load it",
        "What was measured",
        "What it was trained on",
        "How it was trained",
    ]
    against = report.evaluation.likelihood.adapter_vs_base_prompt
    assert f"{against.perplexity_ratio:.3f} ({against.ratio_low:.3f} to {against.ratio_high:.3f})" in text
    for contestant in CONTESTANTS:
        assert f"| {getattr(report.evaluation.likelihood, contestant).nll_per_token:.3f} |" in text
    assert "| no warning at all | 4/13 (13 % to 58 %) |" in text
    assert "| origin: generated | 6 |" in text
    assert "| hash of the data | 4be07a9912cd5f18 |" in text
    assert "| learning rate | 0.001 |" in text
    assert "transformers 5.23.0" in text
    assert report.verdict in text
    assert front["base_model"] in text


def test_notices_come_before_anything_about_use():
    page = card()
    (notice,) = invented.report().notices
    assert page.index(f"> **Notice.** {notice}") < page.index("## What it is for")


def test_it_says_what_the_character_is_not_for():
    text = " ".join(card().split())
    assert "a machine, not a person" in text
    assert "not for impersonating living people" in text


def test_the_card_of_a_living_person_tells_of_its_consent():
    assert "who agreed to a certain use only" in card(subject="living")
    assert "who agreed" not in card()


def test_without_a_gguf_file_none_is_named():
    assert "llama-server" in card()
    assert "gguf" not in card(gguf=False).casefold()


def test_the_rank_for_vllm_is_one_that_it_takes():
    report = with_recipe(invented.report(), "a/b", rank=12)
    assert "--max-lora-rank 16 --lora-modules jarvis=FOLDER" in card(report)


@pytest.mark.parametrize("base", ["/home/me/models/tiny.gguf", r"C:\models\tiny.gguf", "tiny.gguf"])
def test_no_path_of_this_machine_is_in_it(base):
    page = card(with_recipe(invented.report(), base, base=base))
    assert "base_model" not in parts(page)[0]
    assert "| base model | tiny.gguf," in page
    assert 'from_pretrained("BASE")' in page
    assert not re.search(r"(?<![\w:/.)])/(?:home|tmp|root|Users|work)\b|[A-Z]:\\", page)


def test_a_hostile_name_becomes_neither_a_key_nor_markup():
    report = invented.report(character=HOSTILE)
    page = card(report)
    front, text = parts(page)
    assert front == parts(card())[0]
    assert "<script" not in page
    assert "[x](" not in page
    (title,) = re.findall(r"(?m)^# (.+)$", text.replace(report.verdict, ""))
    assert title.startswith("J --- license: mit --- ")
    assert r"{{ 7 \* 7 }}" in title
    name = "j-license-mit-script-alert-1-script-x-http-y-z-7-7"
    assert f"--lora-modules {name}=FOLDER" in page


def test_a_prompt_can_not_end_the_block_it_is_quoted_in():
    report = invented.report()
    told = report.evaluation.likelihood.adapter.model_copy(update={"system": "Be J.\n\n```\n# Title\n<b>x</b>"})
    likelihood = report.evaluation.likelihood.model_copy(update={"adapter": told})
    evaluation = report.evaluation.model_copy(update={"likelihood": likelihood})
    page = card(Report.model_validate(report.model_copy(update={"evaluation": evaluation}).model_dump()))
    for line in ("Be J.", "```", "# Title", "<b>x</b>"):
        assert f"\n    {line}\n" in page


def test_every_table_has_as_many_columns_in_each_row_as_in_its_head():
    tables = [block for block in card().split("\n\n") if block.startswith("|")]
    assert len(tables) == 4
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


@pytest.mark.parametrize(
    ("name", "plain"), [("J.A.R.V.I.S.", "j.a.r.v.i.s"), ("Zoë d'Arc", "zoe-d-arc"), ("孔子", ""), ("../x", "x")]
)
def test_a_slug_is_plain_ascii(name, plain):
    assert slug(name) == plain
