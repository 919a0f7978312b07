"""The head against the model's own logits, and capped shifts that keep their digits."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import analysis.inference.head
from analysis.inference.head import Head
from tests import tiny


@pytest.mark.parametrize("family", [*tiny.FAMILIES, "gemma2"])
@pytest.mark.parametrize(
    ("tokens", "way"),
    [(3, {"transposed": True}), (3, {}), (12, {"padded": True}), (20, {"transposed": True})],
    ids=["few", "plain", "padded", "many"],
)
def test_the_heads_output_is_the_models_logits(
    family: str, tokens: int, way: dict[str, bool]
) -> None:
    model = tiny.model(family, dtype=torch.float64)
    ids_RT = torch.arange(40, 40 + tokens).unsqueeze(0)
    with torch.inference_mode():
        expected_TV = model(ids_RT).logits[0]
        normed_TD = model.base_model(ids_RT).last_hidden_state[0]
        found_TV = dataclasses.replace(Head.of(model), **way).output(normed_TD)
    torch.testing.assert_close(found_TV, expected_TV, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("softcap", [None, 3.0])
@pytest.mark.parametrize("transposed", [True, False])
def test_next_tokens_are_those_of_the_whole_distribution(
    softcap: float | None, transposed: bool
) -> None:
    words = 3 * 16_384 + 7  # several parts of the vocabulary, the last one short
    draw = torch.Generator().manual_seed(0)
    bias_V = torch.randn(words, generator=draw, dtype=torch.float64)
    if softcap is None:
        bias_V[16_384:32_768] = -torch.inf  # a whole part of tokens that never come
    head = Head(
        weight_VD=torch.randn(words, 5, generator=draw, dtype=torch.float64),
        bias_V=bias_V,
        norm=torch.nn.Identity(),
        softcap=softcap,
        transposed=transposed,
        scale=0.5,
    )
    states_ND = torch.randn(7, 5, generator=draw, dtype=torch.float64)
    # The last state's best token is the very first, the one before has its best in the last part.
    states_ND[-1] = 30 * head.weight_VD[0]
    states_ND[-2] = 30 * head.weight_VD[-1]
    logits_NV = 0.5 * states_ND @ head.weight_VD.T + bias_V
    if softcap is not None:
        logits_NV = softcap * (logits_NV / softcap).tanh()
    found = head.next_tokens(states_ND)
    best_N = logits_NV.argmax(dim=1)
    assert found.best_N.tolist() == best_N.tolist()
    probability_N = logits_NV.softmax(dim=1).gather(1, best_N[:, None])[:, 0]
    torch.testing.assert_close(found.probability_N, probability_N, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("token", [3, 20_000])
def test_a_logit_that_is_no_number_gives_no_probability(token: int) -> None:
    weight_VD = torch.ones(2 * 16_384, 1)
    weight_VD[token] = torch.nan
    found = Head(weight_VD, None, torch.nn.Identity(), None).next_tokens(torch.ones(2, 1))
    assert found.best_N.tolist() == [token] * 2 and bool(found.probability_N.isnan().all())


def test_of_equal_logits_the_first_token_is_taken() -> None:
    words = 2 * 16_384
    weight_VD = torch.zeros(words, 1)
    weight_VD[[16_000, 17_000], 0] = 2.0
    head = Head(weight_VD, None, torch.nn.Identity(), None)
    found = head.next_tokens(torch.ones(3, 1))
    assert found.best_N.tolist() == [16_000] * 3
    expected = float(torch.tensor(2.0).exp()) / (2 * float(torch.tensor(2.0).exp()) + words - 2)
    assert found.probability_N.tolist() == pytest.approx([expected] * 3, rel=1e-5)


def test_capped_shifts_keep_their_digits() -> None:
    head = dataclasses.replace(Head.of(tiny.model("gemma2")), softcap=3.0)
    base_V = torch.linspace(-9, 9, 200)
    shift_V = 1e-5 * torch.sin(7 * base_V)
    _, capped_KV = head.finish(base_V, shift_V[None])
    before = 3 * torch.tanh(base_V.double() / 3)
    exact_V = 3 * torch.tanh((base_V.double() + shift_V.double()) / 3) - before
    assert torch.allclose(capped_KV[0].double(), exact_V, rtol=1e-3, atol=1e-9)


def test_the_norm_of_a_bfloat16_model_computes_in_float32() -> None:
    model = tiny.model("llama", dtype=torch.bfloat16)
    found = Head.of(model).norm(torch.ones(3, tiny.WIDTH))
    assert found.dtype == torch.float32
    assert model.model.norm.weight.dtype == torch.bfloat16  # the model's own stays as it was


@pytest.mark.parametrize("way", ["transposed", "padded"])
def test_the_heads_products_go_the_way_that_was_faster(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.model("llama", dtype=torch.float64)
    for name in ("transposed", "padded"):
        monkeypatch.setattr(
            analysis.inference.head, f"{name}_is_faster", lambda weight, it=name: it == way
        )
    head = Head.of(model)
    assert (head.transposed, head.padded) == (way == "transposed", way == "padded")
    seen: list[tuple[int, ...]] = []

    def matmul(self: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(self.shape))
        return torch.matmul(self, other)

    monkeypatch.setattr(torch.Tensor, "__matmul__", matmul)
    head.logits(torch.ones(4 if way == "transposed" else 12, head.weight_VD.shape[1]))
    words = len(head.weight_VD)
    assert seen == [(words if way == "transposed" else 16, head.weight_VD.shape[1])]
