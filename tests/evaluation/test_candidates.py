"""Shared prompts against the plain computation, on tiny random models."""

import copy

import pytest
from tests.evaluation.test_likelihood_of_a_model import CONFIGS, SIZE, adapted, tiny

from roletune.evaluation.candidates import CandidateScorer, Continued
from roletune.evaluation.likelihood import spans

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

PERSONA = [7, 8, 9, 10, 11] * 20
ASKED = [
    Continued([*PERSONA, 1, 2, 3], [[4], [5, 6], [4, 4, 4, 9]]),
    Continued([*PERSONA, 1, 2, 3, 4, 5], [[6, 6], [7, 8]]),  # goes on from the one before
    Continued([*PERSONA[:50], 30, 31], [[6], [7]]),  # leaves it half way
    Continued([99, 98], [[6, 5, 4] * 9, [7]]),  # has nothing in common with it
    Continued([99, 98], [[1], [2]]),  # the same again
]


def plainly(model, asked):
    model.eval()
    with torch.inference_mode():
        return [
            -spans(model, [*asked.prompt, *one], [(len(asked.prompt), len(asked.prompt) + len(one))], "cpu")[0][0]
            for one in asked.candidates
        ]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_candidate_has_the_likelihood_of_the_plain_computation(name):
    model = tiny(name).eval()
    scorer = CandidateScorer(model)
    for asked in ASKED:
        assert scorer.log_likelihoods(asked) == pytest.approx(plainly(model, asked), rel=1e-4)


def test_sliding_windows_forget_what_they_would_forget_anyway():
    torch.manual_seed(0)
    config = transformers.Qwen2Config(**SIZE, use_sliding_window=True, sliding_window=8, max_window_layers=1)
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    scorer = CandidateScorer(model)
    for asked in ASKED:
        assert scorer.log_likelihoods(asked) == pytest.approx(plainly(model, asked), rel=1e-4)


def test_layers_that_are_no_attention_are_computed_plainly():
    model = tiny("llama").eval()
    model.config = copy.copy(model.config)  # the tests share it
    model.config.layer_types = ["full_attention", "linear_attention"]
    assert CandidateScorer(model).log_likelihoods(ASKED[0]) == pytest.approx(plainly(model, ASKED[0]), rel=1e-4)


def test_what_a_prompt_shares_with_the_last_one_is_not_read_again():
    model, read = adapted("llama").eval(), []
    model.get_base_model().model.embed_tokens.register_forward_hook(
        lambda _, inputs, __: read.append(inputs[0].numel())
    )
    scorer = CandidateScorer(model)
    scorer.log_likelihoods(ASKED[0])
    first = sum(read)
    read.clear()
    scorer.log_likelihoods(ASKED[1])
    assert sum(read) < first
    assert sum(read) <= 64 + 2 * 16
