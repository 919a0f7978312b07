"""The loss of training is the model's own loss, whatever its LM head is like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.common.errors import InputError
from analysis.training import loop
from analysis.training.adapter import add_adapter
from analysis.training.head import FrozenHead, batch_loss
from analysis.training.quiet import mean_change
from analysis.training.recipe import Recipe
from analysis.training.texts.batches import TokenExample, collate
from tests import tiny

FAMILIES = (*tiny.FAMILIES, "gemma2", "bias")
EXAMPLES = [TokenExample((2, *range(30 + n % 7, 36 + n % 9)), (40 + n % 5, 1)) for n in range(12)]


def model_of(family: str) -> Any:
    """A tiny model; `bias` is one whose head has a bias."""
    model = tiny.model("llama" if family == "bias" else family)
    if family == "bias":
        bias = torch.randn(model.lm_head.out_features, generator=torch.Generator().manual_seed(5))
        model.lm_head.bias = torch.nn.Parameter(bias, requires_grad=False)
    return model


def recipe(family: str) -> Recipe:
    modules = tiny.linears("llama" if family == "bias" else family)
    return Recipe("tiny", rank=4, alpha=8, lr=1e-2, batch_tokens=60, modules=modules)


def own_loss(model: Any) -> Any:
    """Transformers' own loss over the answers, summed."""
    total = 0
    for example in EXAMPLES:
        ids = torch.tensor([example.prompt + example.answer])
        labels = torch.tensor([[-100] * len(example.prompt) + list(example.answer)])
        total += model(input_ids=ids, labels=labels).loss * len(example.answer)
    return total


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_gradients_are_those_of_the_model_itself(family: str) -> None:
    found = []
    for ours in (True, False):
        model = add_adapter(model_of(family), recipe(family))
        generator = torch.Generator().manual_seed(1)
        trained = {name: one for name, one in model.named_parameters() if one.requires_grad}
        for tensor in trained.values():
            tensor.data.normal_(std=0.2, generator=generator)
        head = FrozenHead.of(model)
        loss = batch_loss(model, collate(EXAMPLES), head) if ours else own_loss(model)
        loss.backward()
        found.append((loss.item(), {name: one.grad for name, one in trained.items()}))
    (loss, gradients), (right, right_gradients) = found
    assert loss == pytest.approx(right, rel=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, right_gradients[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("family", ["gemma2", "bias"])
def test_a_restricted_head_keeps_cap_and_bias(family: str) -> None:
    model = model_of(family)
    whole = FrozenHead.of(model)
    same = whole.restricted(set(), len(whole.weight_CD))
    batch = collate(EXAMPLES)
    assert batch_loss(model, batch, same).item() == batch_loss(model, batch, whole).item()
    some = whole.restricted({1, *range(40, 45)}, 10)
    logits_TV = model(input_ids=torch.tensor([EXAMPLES[0].prompt])).logits[0]
    right = torch.nn.functional.cross_entropy(logits_TV[-1:, some.ids_C], torch.tensor([11]))
    one = collate([TokenExample(EXAMPLES[0].prompt, (int(some.ids_C[11]),))])  # type: ignore[index]
    assert batch_loss(model, one, some).item() == pytest.approx(right.item(), rel=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "gpt-neox", "gemma2"])
def test_training_lowers_the_loss_of_every_family(family: str, tmp_path: Path) -> None:
    base = model_of(family)
    before = own_loss(base).item()
    trained, _ = loop.train(base, recipe(family), EXAMPLES * 8, {}, tmp_path, lambda line: None)
    assert own_loss(trained.eval()).item() < 0.9 * before
    assert all(change > 0 for change in mean_change(trained, EXAMPLES))


def test_an_output_that_the_head_does_not_give_is_refused() -> None:
    model = model_of("llama")
    model.lm_head.register_forward_hook(lambda module, inputs, logits: logits / 4)
    with pytest.raises(InputError, match=r"LlamaForCausalLM.*do not give its logits"):
        FrozenHead.of(model)


def test_an_adapter_in_the_head_is_refused() -> None:
    model = add_adapter(model_of("llama"), Recipe("tiny", modules=("q_proj", "lm_head")))
    with pytest.raises(InputError, match="LM head stays as it is"):
        FrozenHead.of(model)
