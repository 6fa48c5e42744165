import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.rendering.markup import harmless, pattern_of

TOKENS = ["<|im_end|>", "<|endoftext|>", "</s>", "<s>", "<bos>", "<end_of_turn>", "<|eot_id|>", "<｜User｜>", "<think>"]


@pytest.mark.parametrize("token", [*TOKENS, "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<|/inst|>", "[gMASK]"])
def test_markup_of_any_family_is_broken_and_readable(token):
    assert token not in harmless(f"a {token} b")
    assert harmless(token).replace(" ", "") == token


@pytest.mark.parametrize(
    "text", ["I <3 you", "1 < 2 > 0", "a <- b", "<thought>Hm.</thought>", "[Exit]", "< |im_end|>", "<a b>", "x <> y"]
)
def test_ordinary_text_is_left_alone(text):
    assert harmless(text) == text


@given(st.lists(st.one_of(st.sampled_from([*TOKENS, "<", "|", ">", "[", "INST]"]), st.text(max_size=3))).map("".join))
def test_twice_is_once_and_nothing_is_lost(text):
    once = harmless(text)
    assert harmless(once) == once
    assert "".join(once.split()) == "".join(text.split())
    assert not any(token in once for token in TOKENS)


def test_tokens_that_overlap_are_all_broken():
    broken = pattern_of(["[A]", "]B["]).sub(r"\1 ", "[A]B[A]")
    assert "[A]" not in broken
    assert "]B[" not in broken


def test_white_space_and_single_signs_are_no_tokens_to_break():
    assert pattern_of(["\n\n", "x", " "]) is None


def test_a_megabyte_of_brackets_takes_no_time():
    assert harmless("<a" * 500_000).startswith("<a<a")
