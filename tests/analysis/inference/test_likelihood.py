"""The loss of a given answer is the model's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from tests import tiny

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
