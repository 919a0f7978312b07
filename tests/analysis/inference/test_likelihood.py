"""The loss of a given answer is the model's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.methods import fuse
from tests import tiny
from tests.analysis.engine.test_economy import counted

PAIRS = (("Paris", " is the capital."), ("def add(a, b)", "a"), ("María tiene 3 manzanas", " y 5."))


@pytest.mark.parametrize("family", ["gemma3", "llama", "gpt2", "gpt-neox"])
def test_losses_are_the_models_own(family: str, tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, family=family, dtype=torch.float64)
    tokenizer = tiny.tokenizer(byte_level=family in ("gpt2", "gpt-neox"))
    prompts = [engine.prompt(query) for query, _ in PAIRS]
    answers = [tuple(tokenizer(text, add_special_tokens=False).input_ids) for _, text in PAIRS]
    ones = torch.ones(engine.layers, 1)
    rows = [
        Row("base", ConstantWeights((), ones[:, :0])),
        Row("math", ConstantWeights(("math",), ones)),
        Row("base", ConstantWeights((), ones[:, :0])),
    ]
    found = engine.answer_losses(prompts, answers, rows)
    for prompt, answer, row, loss_T in zip(prompts, answers, rows, found, strict=True):
        assert loss_T.shape == (len(answer),)
        if row.name != "base":
            (again,) = engine.answer_losses([prompt], [answer], [row])
            assert torch.allclose(loss_T, again, atol=1e-5)
            (base,) = engine.answer_losses([prompt], [answer], [rows[0]])
            assert not torch.allclose(loss_T, base, atol=1e-3)
            continue
        ids = torch.tensor([[*prompt.ids, *answer]])
        with torch.inference_mode():
            logprob_TV = model(ids).logits[0].log_softmax(-1)
        for place, token in enumerate(answer):
            expected = -float(logprob_TV[len(prompt.ids) - 1 + place, token])
            assert float(loss_T[place]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("family", ["gemma3", "llama", "gpt2", "gpt-neox"])
def test_a_prompt_that_answers_share_changes_no_loss(family: str, tmp_path: Path) -> None:
    """Sets of options: each prompt runs once, before all its answers with the same policy."""
    engine, model, _ = tiny.tiny_engine(tmp_path, family=family, dtype=torch.float64)
    # Longer than the window of layers with a sliding one.
    queries = ("Paris is the capital of which country, and since when? " * 3, "Paris?", "Where?")
    prompts = [engine.prompt(query) for query in queries]
    ones = torch.ones(engine.layers, 1)
    math, half = (Row("math", ConstantWeights(("math",), by * ones)) for by in (1.0, 0.5))
    arrow = fuse(["arrow"], engine.context(prompts[1]))[0]
    options = ((5, 6, 7), (8,), (9, 10), (5, 6, 8, 11, 12))
    asked = [
        (prompt, option, row)
        for option in options
        for prompt, row in (
            (prompts[0], math), (prompts[1], arrow), (prompts[0], half), (prompts[2], math)
        )
    ]  # fmt: skip
    alone = [engine.answer_losses([one[0]], [one[1]], [one[2]])[0] for one in asked]
    with counted(model) as passes:
        found = engine.answer_losses(*map(list, zip(*asked, strict=True)))
    # Two passes for each length of prompt, the second without the prompts.
    lengths = {len(prompt.ids) for prompt in prompts}
    assert len(passes) == 2 * len(lengths)
    assert sorted(width for _, width in passes) == sorted([*lengths, *[4] * len(lengths)])
    for loss_T, expected_T in zip(found, alone, strict=True):
        torch.testing.assert_close(loss_T, expected_T, rtol=1e-6, atol=1e-7)
    assert not torch.allclose(found[0], found[2], atol=1e-3)
