"""What the engine keeps and what it holds while it works stay within bytes that are said."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import LlamaConfig, PreTrainedModel
from transformers.models.auto import AutoModelForCausalLM

from analysis.common.limits import Limits
from analysis.engine import Engine
from analysis.inference.prompt import Prompt
from analysis.speed.made_up import make_adapters
from tests import tiny
from tests.analysis.engine.test_economy import FORM, QUERY, counted

LAYERS, WIDTH, TOKENS = 2, 2048, 96
MB = 1_000_000


def peak_bytes(engine: Engine, work: Callable[[], object]) -> int:
    """The most bytes of tensors that work holds at a time, over those that were there before.

    The profiler sees one thread alone, so all of the work runs in the model's.
    """
    return engine.runner.scheduler.run(lambda: _peak_bytes(work))


def _peak_bytes(work: Callable[[], object]) -> int:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        result = work()
    del result
    held = most = 0
    events = profiled.profiler.kineto_results.events()  # type: ignore[union-attr]
    for event in sorted(events, key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most


@pytest.fixture(scope="module")
def wide() -> PreTrainedModel:
    """A model with wide states and little else."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=WIDTH,
        intermediate_size=16,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        vocab_size=len(tiny.tokenizer()),
        max_position_embeddings=512,
    )
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    return model.eval().requires_grad_(False)


def wide_engine(model: PreTrainedModel, adapters: int, limits: Limits) -> Engine:
    return Engine(model, tiny.tokenizer(), make_adapters(model, adapters, 2), limits=limits)


def prompt_of(tokens: int) -> Prompt:
    ids = torch.randint(10, 400, (tokens,), generator=torch.Generator().manual_seed(0)).tolist()
    return Prompt("", tuple(ids), ("",) * tokens, (False,) * tokens, 0, tokens - 1, "plain")


def _states(adapters: int, tokens: int) -> int:
    """Bytes of all states of a prompt."""
    return (1 + adapters) * LAYERS * tokens * WIDTH * 4


@pytest.mark.parametrize(("adapters", "tokens"), [(2, TOKENS), (8, 32), (8, TOKENS)])
def test_every_token_holds_no_more_states_than_it_may(
    wide: PreTrainedModel, adapters: int, tokens: int
) -> None:
    limits = Limits(state_bytes=MB, pass_tokens=TOKENS)
    engine = wide_engine(wide, adapters, limits)
    # One pass takes its activations, whatever is kept of it.
    bound = limits.state_bytes + 6 * TOKENS * WIDTH * 4
    assert bound < _states(8, TOKENS) / 2
    assert peak_bytes(engine, lambda: engine.every_token(prompt_of(tokens))) < bound


def test_states_are_copied_once(wide: PreTrainedModel) -> None:
    engine = wide_engine(wide, 8, Limits(pass_tokens=TOKENS))
    peak = peak_bytes(engine, lambda: engine.every_token(prompt_of(TOKENS)))
    assert peak < 1.4 * _states(8, TOKENS)


@pytest.mark.parametrize("held", [1, 7, 1000])
def test_every_token_is_the_same_in_parts(tmp_path: Path, held: int) -> None:
    whole, _, _ = tiny.tiny_engine(tmp_path / "a")
    expected = whole.every_token(whole.prompt(QUERY))
    # Bytes of `held` tokens: rows, layers, width, 8 bytes each.
    limits = Limits(state_bytes=held * 3 * tiny.LAYERS * tiny.WIDTH * 8)
    engine, model, _ = tiny.tiny_engine(tmp_path / "b", limits=limits)
    prompt, told = engine.prompt(QUERY), list[float]()
    with counted(model) as calls:
        found = engine.every_token(prompt, progress=lambda _, share: told.append(share))
    count = len(prompt.ids)
    assert calls == [(3, min(end, count)) for end in range(held, count + held, held)]
    torch.testing.assert_close(found.values_LKT, expected.values_LKT, rtol=1e-9, atol=1e-15)
    torch.testing.assert_close(found.peak_LT, expected.peak_LT, rtol=1e-9, atol=0)
    assert told == sorted(told) and told[-1] == 1.0


def test_the_model_is_free_while_every_token_is_read(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    prompt, others = engine.prompt(QUERY), list[threading.Thread]()

    def trace_beside(what: str, _: float) -> None:
        if what.startswith("reading token 1 ") and not others:
            others.append(threading.Thread(target=engine.trace, args=("Another",)))
            others[0].start()
            others[0].join(60)
            assert not others[0].is_alive()

    engine.every_token(prompt, progress=trace_beside)
    assert others


def _filled(engine: Engine) -> list[Prompt]:
    """Traces of many queries; the prompts of those that are kept."""
    prompts = [engine.trace(f"{QUERY} {number}").prompt for number in range(40)]
    return [prompt for prompt in prompts if engine.kept_trace(prompt, engine.adapters)]


def test_a_prefix_counts_among_the_bytes_that_are_kept(tmp_path: Path) -> None:
    limits = Limits(kept_bytes=400_000)
    form = "<bos>The capital of France is Paris, said the teacher. User: {query}\nAssistant: "
    engine, model, _ = tiny.tiny_engine(tmp_path, limits=limits, form=form)
    prefix = engine.prompt(QUERY).query_first
    # Keys and values of all rows: 2 heads of width 8, 8 bytes each.
    prefix_bytes = 2 * 3 * tiny.LAYERS * prefix * 2 * 8 * 8
    assert prefix_bytes < limits.kept_bytes / 4
    kept = _filled(engine)
    trace = engine.trace(QUERY)
    trace_bytes = trace.hidden_RLPD.nbytes
    assert prefix_bytes > 3 * trace_bytes
    assert 0 < len(kept) < 40
    assert len(kept) * trace_bytes < limits.kept_bytes - prefix_bytes
    with counted(model) as calls:
        rest = len(engine.trace("Another").prompt.ids) - prefix
    assert calls == [(3, rest)]  # the prefix is still there


def test_a_prefix_too_large_to_keep_leaves_the_traces_and_is_not_run_again(tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, form=FORM, limits=Limits(kept_bytes=100_000))
    first = engine.trace(QUERY)
    with counted(model) as calls:
        second = engine.trace("Another")
    assert calls == [(3, len(second.prompt.ids))]
    assert engine.kept_trace(first.prompt, first.adapters) is first


def test_using_a_prefix_copies_none_of_it(tmp_path: Path) -> None:
    long = "<bos>" + "The capital of France is Paris, said the teacher. " * 24
    engine, model, _ = tiny.tiny_engine(tmp_path, form=long + "User: {query}\n")
    prompt = engine.trace(QUERY).prompt
    prefix_bytes = 2 * 3 * tiny.LAYERS * prompt.query_first * 2 * 8 * 8
    other = engine.prompt("Another")
    assert prompt.query_first > 300 and len(other.ids) - prompt.query_first < 20
    # Each layer's keys and values grow by a copy; a copy of the whole prefix would come on top.
    whole = replace(other, query_first=0)
    with counted(model) as calls:
        reused = peak_bytes(engine, lambda: engine.trace(other))
    assert calls == [(3, len(other.ids) - prompt.query_first)]
    assert reused < 2 * prefix_bytes < peak_bytes(engine, lambda: engine.trace(whole))


def test_a_long_prompt_counts_with_all_that_is_kept_of_it(tmp_path: Path) -> None:
    """A prompt can be larger than what is read from it, and every key holds one."""
    limits = Limits(kept_bytes=400_000)
    engine, _, _ = tiny.tiny_engine(tmp_path, limits=limits)
    traces = []
    for number in range(60):
        traces.append(engine.trace(f"{number} {QUERY}" * 6))
        engine.divergence(traces[-1])
    kept = [trace.prompt for trace in traces if engine.kept_trace(trace.prompt, trace.adapters)]
    text_bytes = sum(
        sum(len(token) + 49 for token in prompt.tokens) + 4 * len(prompt.ids) for prompt in kept
    )
    assert kept and text_bytes < limits.kept_bytes
