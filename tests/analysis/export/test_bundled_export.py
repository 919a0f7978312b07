"""The real base with an exported adapter: plain PEFT says what the fused row says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedModel

from analysis.engine import Engine
from analysis.export.fused_factors import fixed_weights, fused
from analysis.export.peft_folder import Making, mean_weights, write_folder
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.inference.prompt import Prompt
from analysis.methods import fuse
from analysis.models.manifest import load_collection
from analysis.models.provenance import provenance

QUERIES = (
    "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?",
    "У Ивана 7 книг, и он покупает ещё 6. Сколько у него книг?",
    "小明有12个苹果,吃了5个,还剩几个?",
    "Escribe una función que sume una lista de números.",
    "The capital of France is",
)
NEW_TOKENS = 8
pytestmark = pytest.mark.base


def answer(engine: Engine, prompt: Prompt, row: Row) -> list[int]:
    steps = engine.answer(prompt, [row], new_tokens=NEW_TOKENS, stop=())
    return [token.id for step in steps for token in step.tokens]


def test_plain_peft_says_what_the_fused_row_says(
    bundled_engine: Engine, embedded_model: PreTrainedModel, tmp_path: Path
) -> None:
    engine, collection = bundled_engine, load_collection()
    prompts = [engine.prompt(query) for query in QUERIES]
    # Each trace takes seconds here: the mean over two has weights of both.
    each = [fuse(["qa-flora"], engine.context(prompt))[0].policy for prompt in prompts[:2]]
    weights_LK = mean_weights([fixed_weights("qa-flora", one, engine.adapters) for one in each])
    modules = fused(
        [engine.facts.factors(name) for name in engine.adapters], weights_LK, engine.modules
    )
    making = Making(
        collection, provenance(collection), "qa-flora", "norm lens", QUERIES[:2], engine.adapters,
        weights_LK.tolist(),
    )  # fmt: skip
    write_folder(tmp_path / "taken", modules, making)

    row = Row("fused", ConstantWeights(engine.adapters, weights_LK))
    said = [answer(engine, prompt, row) for prompt in prompts]
    base = Row("base", ConstantWeights((), torch.zeros(engine.layers, 0)))
    assert said[:2] != [answer(engine, prompt, base) for prompt in prompts[:2]]
    peft = PeftModel.from_pretrained(embedded_model, str(tmp_path / "taken")).eval()
    try:
        for prompt, ids in zip(prompts, said, strict=True):
            with torch.inference_mode():
                # One pass over prompt and answer: its most probable tokens are what PEFT says.
                logits_1TV = peft(
                    input_ids=torch.tensor([[*prompt.ids, *ids]]), logits_to_keep=len(ids) + 1
                ).logits
            assert logits_1TV[0, :-1].argmax(-1).tolist() == ids
    finally:
        peft.unload()  # the model is other tests', too
