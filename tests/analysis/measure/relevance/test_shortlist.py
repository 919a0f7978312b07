"""Passes of last tokens against a slow pass, previews, and the shortlists made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.engine import Engine
from analysis.measure.normalisation import normalise
from analysis.measure.relevance.preview import previewed_layers
from analysis.measure.relevance.relevance import Relevance
from analysis.measure.relevance.shortlist import mean_relevance, mean_weights, shortlist_of
from analysis.measure.signals import signals
from analysis.measure.signals.entropy import CHANGE
from analysis.measure.weight_settings import WeightSettings
from analysis.models.collection import PromptForm
from analysis.speed.made_up import make_adapters
from analysis.speed.many_adapters import many_adapters
from tests import families, tiny
from tests.analysis.engine.test_economy import counted
from tests.slow_rules import deltas_of

QUERY = "María tiene 3 manzanas y compra 5 más."
ADAPTERS: dict[str, dict[str, Any]] = {
    "loud": {"strength": 0.6},
    "zero": {"strength": 0.0},
    "faint": {"strength": 0.02},
    "middle": {"strength": 0.3, "rank": 2},
}


def slow_states(engine: Engine, model: Any, ids: tuple[int, ...], name: str, acts: slice) -> Tensor:
    """The states of all tokens where an adapter acts on some alone, `[layers, tokens, width]`."""
    deltas = deltas_of({name: engine.facts.factors(name)})

    def add(module: str) -> Callable[..., Tensor]:
        def hook(_: object, args: tuple[Tensor, ...], output_RTO: Tensor) -> Tensor:
            changed = output_RTO.clone()
            changed[0, acts] += args[0][0, acts] @ deltas[module][name].T
            return changed

        return hook

    handles = [model.get_submodule(one).register_forward_hook(add(one)) for one in deltas]
    states: list[Tensor] = []
    for block in model.base_model.layers:
        keep = lambda _, args, out: states.append((out if isinstance(out, Tensor) else out[0])[0])  # noqa: E731
        handles.append(block.register_forward_hook(keep))
    with torch.no_grad():
        model(torch.tensor([ids]), use_cache=False)
    for handle in handles:
        handle.remove()
    return torch.stack(states)


@pytest.mark.parametrize("pass_tokens", [2048, 8])
def test_adapters_act_on_the_last_tokens_alone(pass_tokens: int, tmp_path: Path) -> None:
    limits = Limits(pass_tokens=pass_tokens)
    engine, model, _ = tiny.tiny_engine(tmp_path, ADAPTERS, limits=limits)
    prompt = engine.prompt(QUERY)
    places, names = [prompt.query_last, prompt.last], ("middle", "loud")
    whole = engine.trace(QUERY, names).hidden_RLPD
    assert places[0] < places[1] and engine.runner.layers == 3
    for first in (0, places[0] - 2, places[0]):
        found = engine.runner.tail_states(prompt.ids, names, places, first, 3)
        assert torch.allclose(found[0], whole[0]), "the base's row is the base"
        for row, name in enumerate(names, start=1):
            expected_LTD = slow_states(engine, model, prompt.ids, name, slice(first, None))
            assert torch.allclose(found[row], expected_LTD[:, places], rtol=1e-9)
        ran: list[object] = []
        handle = model.base_model.layers[2].register_forward_hook(lambda *_, to=ran: to.append(1))
        fewer = engine.runner.tail_states(prompt.ids, names, places, first, 2)
        handle.remove()
        assert torch.equal(fewer, found[:, :2])
        assert not ran, "nothing needs the last layer"
    twice = engine.runner.tail_states(prompt.ids[:1], names, [0, 0], 0, 3)
    assert torch.equal(twice[:, :, 0], twice[:, :, 1])


def test_the_preview_is_exact_where_one_token_is_all_that_an_adapter_changes(
    tmp_path: Path,
) -> None:
    last = {"layers": [1], "targets": ["o_proj", "down_proj"]}
    engine, _, _ = tiny.tiny_engine(tmp_path, {"a": last, "b": {**last, "strength": 0.1}})
    prompt = engine.prompt(QUERY)
    for settings in (
        WeightSettings(position="both"),
        WeightSettings("raw", "prompt", "js"),
        WeightSettings(signal="entropy"),
    ):
        signal = signals()[settings.signal]
        metric = CHANGE if signal.name == "entropy" else settings.metric
        exact_LK = engine.relevance(prompt, settings=settings).values_LK
        found = engine.compared(prompt, ("a", "b"), settings, metric, estimate=True)
        read = list(previewed_layers(engine.runner.layers))
        assert read == [0, 1] and exact_LK[1].min() > 0
        assert torch.allclose(found.values_LK, exact_LK[read], rtol=1e-6)


def test_a_shortlist_holds_the_adapters_that_change_most(tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, ADAPTERS)
    prompt, changes = engine.prompt(QUERY), WeightSettings(signal="change", relative=True)
    engine.usual(engine.adapters, changes)
    with counted(model) as calls:
        found = engine.shortlist(prompt, count=2, settings=WeightSettings(position="both"))
        first, after = prompt.query_last, prompt.last + 1 - prompt.query_last
        assert calls == [(1, first), (5, after)], "no adapter runs on the whole prompt"
        assert engine.shortlist(prompt, ["zero", "faint"], 2).adapters == ("zero", "faint")
        assert len(calls) == 2, "of no more adapters than that, all are chosen"
    assert found.adapters == ("loud", "middle") and found.left_out == ("faint", "zero")
    for position in ("query", "prompt", "both"):
        at = WeightSettings(position=position)
        values_LK = engine.compared(prompt, engine.adapters, at, "kl", estimate=True).values_LK
        chosen = engine.shortlist(prompt, count=2, settings=at)
        assert list(chosen.scores.values()) == pytest.approx(values_LK.mean(0).tolist()), position
    with counted(model) as calls:
        engine.shortlist(prompt, count=2, settings=WeightSettings(position="query"))
        short = engine.prompt([{"role": "user", "content": "a"}], plain=True)
        engine.shortlist(short, count=2)
    assert calls == [(1, first - 4), (5, 5), (5, len(short.ids))], (
        "a token alone has some before it"
    )
    shares_LK = normalise(engine.relevance(prompt, settings=changes).values_LK.square())
    relative = engine.shortlist(prompt, count=2, settings=WeightSettings(relative=True))
    assert list(relative.scores.values()) == pytest.approx(shares_LK.mean(0).tolist())
    for settings in (WeightSettings(signal="change"), changes):
        by_size = engine.shortlist(prompt, count=1, settings=settings)
        weights_K = normalise(engine.relevance(prompt, settings=settings).values_LK).mean(0)
        assert list(by_size.scores.values()) == pytest.approx(weights_K.tolist())
    with pytest.raises(InputError, match="0 adapters"):
        engine.shortlist(prompt, count=0)


def test_mean_weights_leave_out_layers_where_the_lens_saturates() -> None:
    values_LK = torch.tensor([[9.0, 1.0], [1.0, 3.0]]).double()
    saturated = Relevance(values_LK, torch.tensor([1.0, 0.5]), values_LK)
    assert mean_weights(saturated, WeightSettings()).tolist() == [0.25, 0.75]
    assert mean_relevance(saturated).tolist() == [1.0, 3.0]
    everywhere = Relevance(values_LK, torch.ones(2), values_LK)
    assert mean_weights(everywhere, WeightSettings()).tolist() == [0.575, 0.425]
    assert mean_relevance(everywhere).tolist() == [5.0, 2.0]
    found = shortlist_of(("a", "b", "c"), torch.tensor([0.1, 0.6, 0.3]), 2)
    assert (found.adapters, found.left_out) == (("b", "c"), ("a",))


@pytest.mark.parametrize("family", ["qwen2_moe", "lfm2", "gemma3_text"])
def test_many_families_can_be_shortlisted(family: str) -> None:
    base = families.model(family)
    adapters = many_adapters(make_adapters(base, 2, rank=2), 4)
    engine = Engine(base, tiny.tokenizer(), adapters, PromptForm(tiny.FORM))
    prompt, names = engine.prompt(QUERY), engine.adapters[:2]
    places = [prompt.query_last, prompt.last]
    found = engine.runner.tail_states(prompt.ids, names, places, places[0], engine.runner.layers)
    assert torch.allclose(found[0], engine.trace(QUERY, names).hidden_RLPD[0])
    assert len(engine.shortlist(prompt, count=2).adapters) == 2


@pytest.mark.parametrize(
    ("count", "layers"),
    [(1, [0]), (2, [0]), (5, [0, 1, 2, 3]), (18, [0, 4, 8, 12, 16]), (32, [6, 14, 22, 30])],
)
def test_few_layers_are_read_and_not_the_last(count: int, layers: list[int]) -> None:
    assert list(previewed_layers(count)) == layers


@pytest.mark.parametrize("count", range(2, 41))
def test_layers_are_read_up_to_the_last_but_one(count: int) -> None:
    layers = list(previewed_layers(count))
    assert layers[-1] == count - 2 and 0 <= layers[0] <= count // 4
    assert len(layers) <= 7
    # Where an adapter moves the last layer alone, nothing else tells of it.
    assert list(previewed_layers(count, first=count - 1)) == list(range(count))
    assert previewed_layers(count, first=count - 2) == previewed_layers(count)


def test_an_adapter_of_the_last_layer_alone_can_be_chosen(tmp_path: Path) -> None:
    late = {"layers": [2], "targets": ["o_proj", "down_proj"], "strength": 0.6}
    engine, _, _ = tiny.tiny_engine(tmp_path, {**ADAPTERS, "late": late})
    found = engine.shortlist(engine.prompt(QUERY), ["zero", "late"], 1)
    assert found.adapters == ("late",)


def test_round_off_in_another_part_of_the_rows_moves_nothing(tmp_path: Path) -> None:
    """Where nobody has moved anything, the smallest round-off would be all of the weight."""
    limits = Limits(pass_tokens=64)
    late = {"layers": [1, 2], "strength": 0.6}
    adapters = {**{f"late{number}": late for number in range(6)}, "zero": {"strength": 0.0}}
    engine, _, _ = tiny.tiny_engine(tmp_path, adapters, limits=limits)
    prompt = engine.prompt(QUERY)
    first = prompt.query_last
    found = engine.runner.tail_states(prompt.ids, engine.adapters, [prompt.last], first, 3)
    base = found[0]
    assert torch.equal(found[-1], base)
    assert all(torch.equal(found[row, 0], base[0]) for row in range(1, 7))
    assert not torch.equal(found[1, 1], base[1])


def test_adapters_act_on_all_that_stands_after_the_question(tmp_path: Path) -> None:
    """Also where the prompt's last token is read, and a long frame stands before it."""
    engine, model, _ = tiny.tiny_engine(tmp_path, ADAPTERS)
    prompt = engine.prompt(QUERY)
    after = prompt.last + 1 - prompt.query_last
    assert after > 5
    with counted(model) as calls:
        engine.shortlist(prompt, count=2, settings=WeightSettings(position="prompt"))
    assert calls == [(1, prompt.query_last), (5, after)]


def test_a_shortlist_runs_in_pieces_and_tells_of_them(tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, ADAPTERS, limits=Limits(pass_tokens=16))
    prompt = engine.prompt(QUERY)
    told: list[tuple[str, float]] = []
    with counted(model) as calls:
        engine.shortlist(
            prompt,
            count=2,
            settings=WeightSettings(position="both"),
            progress=lambda text, share: told.append((text, share)),
        )
    assert [rows for rows, _ in calls[1:]] == [2, 2, 1]
    assert [text for text, _ in told] == ["choosing 2 of 4 adapters"] * 4
    assert [share for _, share in told] == pytest.approx([0.0, 0.4, 0.8, 1.0])

    def stop(text: str, share: float) -> None:
        if share > 0:
            raise KeyboardInterrupt

    with counted(model) as calls, pytest.raises(KeyboardInterrupt):
        engine.shortlist(prompt, count=2, progress=stop)
    assert len(calls) == 2, "nothing runs after the part that was stopped"
