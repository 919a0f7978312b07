"""Traces and answers: what they hold, and that no request sees another's weights."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.engine import Engine
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.decoding.steps import Step
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.inference.prompt import Prompt
from analysis.measure.normalisation import normalise
from analysis.methods import fuse
from analysis.models.adapters import load_adapter
from analysis.models.collection import AdapterEntry
from tests import tiny

QUERY = "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?"
ANOTHER = "The capital of France"
NOTHING_KEPT = Limits(kept_bytes=0)
ADAPTERS: dict[str, dict[str, Any]] = {
    "spanish": {"rank": 4},
    "math": {"rank": 2, "rslora": True, "targets": ["q_proj", "down_proj"]},
    "late": {"rank": 3, "layers": [2]},
}


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Engine, PreTrainedModel, dict[str, Path]]:
    return tiny.tiny_engine(
        tmp_path_factory.mktemp("adapters"), ADAPTERS, limits=NOTHING_KEPT, stop=()
    )


@pytest.fixture(scope="module")
def engine(made: tuple[Engine, PreTrainedModel, dict[str, Path]]) -> Engine:
    return made[0]


@pytest.fixture
def model(made: tuple[Engine, PreTrainedModel, dict[str, Path]]) -> Iterator[PreTrainedModel]:
    """The engine's model; after the test it must carry no hook."""
    yield made[1]
    assert hooks(made[1]) == 0


def hooks(model: PreTrainedModel) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()
    )


def constant_row(name: str, adapters: tuple[str, ...], weights_LK: Tensor) -> Row:
    return Row(name, ConstantWeights(adapters, weights_LK))


def rows_of(engine: Engine, *weights: Any) -> list[Row]:
    """Rows with one number per adapter in every layer."""
    return [
        constant_row(
            f"row {index}",
            engine.adapters,
            torch.tensor(row, dtype=torch.float64).expand(engine.layers, -1),
        )
        for index, row in enumerate(weights)
    ]


def four_rows(engine: Engine) -> list[Row]:
    return rows_of(engine, [0, 0, 0], [1, 0, 0], [1 / 3] * 3, [0.2, 1.5, -0.5])


def ids_of(steps: Sequence[Step], row: int) -> list[int]:
    return [token.id for step in steps for token in step.tokens if token.row == row]


def text_of(steps: Sequence[Step], row: int) -> str:
    return "".join(token.delta for step in steps for token in step.tokens if token.row == row)


# --- traces


def states(model: PreTrainedModel, prompt: Prompt) -> Tensor:
    """Transformers' own hidden states after each block but the last, `[layers - 1, T, width]`."""
    # A copy, because transformers leaves hooks of its own on a model that it asked for states.
    with torch.inference_mode():
        out = copy.deepcopy(model)(torch.tensor([prompt.ids]), output_hidden_states=True)
    return torch.cat(out.hidden_states[1:-1])


def test_a_trace_holds_what_transformers_and_peft_hold(
    engine: Engine, model: PreTrainedModel, made: tuple[Any, Any, dict[str, Path]]
) -> None:
    trace = engine.trace(QUERY)
    prompt = trace.prompt
    assert trace.adapters == tuple(ADAPTERS)
    assert trace.hidden_RLPD.shape == (4, tiny.LAYERS, 2, tiny.WIDTH)
    assert prompt.query_last < prompt.last
    expected = [states(model, prompt)]
    for folder in made[2].values():
        peft = PeftModel.from_pretrained(
            copy.deepcopy(model), str(folder), autocast_adapter_dtype=False
        )
        expected.append(states(peft.eval(), prompt))
    for row, expected_LTD in enumerate(expected):
        for place, position in ((prompt.query_last, "query"), (prompt.last, "prompt")):
            found_LD = trace.at(position)[row, :-1]
            assert torch.allclose(found_LD, expected_LTD[:, place], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_trace_holds_the_state_before_the_final_norm(tmp_path: Path, family: str) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, {"one": {}}, family=family)
    trace = engine.trace(ANOTHER)
    with torch.inference_mode():
        out = model(torch.tensor([trace.prompt.ids]), output_hidden_states=True)
    inner = model.base_model
    norm = next(
        getattr(inner, name)
        for name in ("norm", "ln_f", "final_layer_norm")
        if hasattr(inner, name)
    )
    found = norm(trace.at("prompt")[0, -1])
    assert torch.allclose(found, out.hidden_states[-1][0, -1], rtol=1e-10, atol=1e-12)
    logits = model.get_output_embeddings()(found)
    assert torch.allclose(logits, out.logits[0, -1], rtol=1e-10, atol=1e-12)


def test_only_the_chosen_adapters_run_and_in_their_order(engine: Engine) -> None:
    everything = engine.trace(QUERY)
    chosen = engine.trace(QUERY, ["late", "spanish"])
    assert chosen.adapters == ("late", "spanish")
    assert torch.allclose(chosen.hidden_RLPD, everything.hidden_RLPD[[0, 3, 1]], rtol=1e-12)


def test_a_kept_trace_is_the_same_and_its_adapters_are_part_of_its_key(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    first = engine.trace(QUERY)
    assert engine.trace(QUERY) is first
    assert engine.trace(QUERY, ["math"]).adapters == ("math",)
    assert engine.trace(QUERY, ["math", "spanish"]).adapters == ("math", "spanish")
    assert engine.divergence(first, "raw").values_LK is not engine.divergence(first).values_LK


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
def test_zero_adapters_get_0_duplicates_tie_and_below_an_adapter_nothing_diverges(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    adapters: dict[str, dict[str, Any]] = {
        "one": {"seed": 3},
        "zero": {"strength": 0.0},
        "twin": {"seed": 3},
        "late": {"layers": [2]},
    }
    engine, _, _ = tiny.tiny_engine(tmp_path, adapters, dtype=dtype)
    trace = engine.trace(QUERY)
    for lens, position in itertools.product(("norm", "raw"), ("query", "prompt")):
        values_LK = engine.divergence(trace, lens, position).values_LK
        one_L, zero_L, twin_L, late_L = values_LK.T
        assert bool((one_L > 0).all())
        assert zero_L.tolist() == [0.0] * tiny.LAYERS
        assert late_L[:2].tolist() == [0.0, 0.0] and float(late_L[2]) > 0
        tolerance = 1e-9 if dtype == torch.float64 else 1e-4
        assert torch.allclose(one_L, twin_L, rtol=tolerance, atol=0)
        weights_LK = normalise(values_LK)
        assert torch.allclose(weights_LK.sum(1), torch.ones(3, dtype=torch.float64), atol=1e-12)


def test_where_nothing_diverges_every_adapter_weighs_the_same(tmp_path: Path) -> None:
    adapters = {name: {"strength": 0.0} for name in ("a", "b", "c", "d")}
    engine, _, _ = tiny.tiny_engine(tmp_path, adapters, dtype=torch.float32)
    values_LK = engine.divergence(engine.trace(QUERY)).values_LK
    assert normalise(values_LK).tolist() == [[0.25] * 4] * tiny.LAYERS


def test_divergence_is_the_textbooks_where_that_is_exact(
    engine: Engine, model: PreTrainedModel
) -> None:
    trace = engine.trace(QUERY)
    found = engine.divergence(trace, "raw", "prompt")
    logits_RLV = trace.at("prompt") @ model.get_output_embeddings().weight.T
    log_p, log_q = torch.log_softmax(logits_RLV, -1)[:1], torch.log_softmax(logits_RLV, -1)[1:]
    expected_KL = (log_p.exp() * (log_p - log_q)).sum(-1)
    assert torch.allclose(found.values_LK.T, expected_KL, rtol=1e-9, atol=1e-15)
    assert torch.allclose(found.peak_L, log_p[0].exp().amax(-1))
    assert (found.lens, found.position, found.metric) == ("raw", "prompt", "kl")


def test_metrics_computed_together_are_those_computed_alone(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path, limits=NOTHING_KEPT)
    trace = engine.trace(QUERY)
    both = {name: engine.divergence(trace, metric=name) for name in ("kl", "js")}
    assert both["js"].metric == "js"
    assert bool((both["js"].values_LK < both["kl"].values_LK).all())
    kept, _, _ = tiny.tiny_engine(tmp_path / "kept")
    trace = kept.trace(QUERY)
    assert torch.equal(kept.divergence(trace, metric="js").values_LK, both["js"].values_LK)
    assert torch.equal(kept.divergence(trace, metric="kl").values_LK, both["kl"].values_LK)


def test_every_token_agrees_with_the_kept_positions(engine: Engine) -> None:
    trace = engine.trace(QUERY)
    values_LKT = engine.every_token(trace.prompt).values_LKT
    for place, position in ((trace.prompt.query_last, "query"), (trace.prompt.last, "prompt")):
        expected_LK = engine.divergence(trace, position=position).values_LK
        assert torch.allclose(values_LKT[:, :, place], expected_LK, rtol=1e-9, atol=1e-18)


# --- answers


def test_greedy_answers_are_those_of_generate(
    engine: Engine, model: PreTrainedModel, made: tuple[Any, Any, dict[str, Path]]
) -> None:
    prompt = engine.prompt(QUERY)
    steps = list(engine.answer(prompt, rows_of(engine, [0, 0, 0], [1, 0, 0]), new_tokens=24))
    alone = PeftModel.from_pretrained(
        copy.deepcopy(model), str(made[2]["spanish"]), autocast_adapter_dtype=False
    ).eval()
    ids_RT = torch.tensor([prompt.ids])
    for row, one in enumerate((model, alone)):
        expected = one.generate(
            input_ids=ids_RT,
            attention_mask=torch.ones_like(ids_RT),
            max_new_tokens=24,
            do_sample=False,
        )[0, len(prompt.ids) :]
        assert ids_of(steps, row) == expected.tolist()


def test_probabilities_are_the_models(engine: Engine, model: PreTrainedModel) -> None:
    prompt = engine.prompt(ANOTHER)
    for sampling in (Sampling(), Sampling(temperature=1.5, top_p=0.7, seed=3)):
        steps = list(
            engine.answer(prompt, rows_of(engine, [0, 0, 0]), new_tokens=6, sampling=sampling)
        )
        ids = ids_of(steps, 0)
        with torch.inference_mode():
            logits_TV = model(torch.tensor([[*prompt.ids, *ids]])).logits[0]
        p_TV = torch.softmax(logits_TV[len(prompt.ids) - 1 :], -1)
        for step, token in enumerate(ids):
            expected = pytest.approx(float(p_TV[step, token]), rel=1e-4)
            assert steps[step].tokens[0].probability == expected


def test_answers_of_fused_methods_stream_in_lock_step(engine: Engine) -> None:
    trace = engine.trace(QUERY)
    context = engine.context(trace.prompt, trace.adapters)
    rows = fuse(["base", "static", "sum", "qa-flora", "adapter:math"], context)
    steps = list(engine.answer(trace.prompt, rows, new_tokens=5))
    assert [step.index for step in steps] == list(range(len(steps)))
    assert [token.row for token in steps[0].tokens] == list(range(5))
    assert {token.row for step in steps for token in step.tokens if token.end} == set(range(5))


def ended(steps: Sequence[Step], row: int) -> str | None:
    return [token.end for step in steps for token in step.tokens if token.row == row][-1]


def test_length_ends_an_answer(engine: Engine) -> None:
    steps = list(engine.answer(engine.prompt(QUERY), rows_of(engine, [0, 0, 0]), new_tokens=3))
    assert len(steps) == 3
    assert [step.tokens[0].end for step in steps] == [None, None, "length"]


def sampled(engine: Engine, prompt: Prompt, rows: list[Row], **more: Any) -> list[Step]:
    sampling = Sampling(temperature=1.0, seed=11)
    return list(engine.answer(prompt, rows, new_tokens=24, sampling=sampling, **more))


def test_rows_end_each_in_its_own_way_and_leave_the_others_as_they_were(tmp_path: Path) -> None:
    engine, model, folders = tiny.tiny_engine(tmp_path, ADAPTERS, stop=())
    prompt, rows = engine.prompt(QUERY), four_rows(engine)
    free = sampled(engine, prompt, rows)
    # A token that only row 1 draws becomes an end token, a text that only row 2 has a stop string.
    ids_of_row, texts = ([of(free, row) for row in range(4)] for of in (ids_of, text_of))
    others = {1, *ids_of_row[0], *ids_of_row[2], *ids_of_row[3]}
    end = next(token for token in ids_of_row[1][3:] if token not in others)
    parts = [texts[2][place : place + 3] for place in range(4, len(texts[2]) - 3)]
    stop = next(part for part in parts if not any(part in texts[row] for row in (0, 1, 3)))
    assert model.generation_config is not None
    model.generation_config.eos_token_id = [end, 1]
    entries = [AdapterEntry(name, name, "other", path) for name, path in folders.items()]
    ending = Engine(model, tiny.tokenizer(), [load_adapter(model, entry) for entry in entries])

    steps = sampled(ending, prompt, rows, stop=[stop])
    assert {ended(steps, row) for row in range(4)} == {"end token", "stop string", "length"}
    assert (ended(steps, 1), ended(steps, 2)) == ("end token", "stop string")
    for row in range(4):
        ids, text = ids_of(steps, row), text_of(steps, row)
        assert ids == ids_of(free, row)[: len(ids)]
        assert stop not in text
        assert not {end, 1} & set(ids[:-1])
        assert (ids[-1] in (end, 1)) == (ended(steps, row) == "end token")
        assert (len(ids) == 24) == (ended(steps, row) == "length")
        alone = sampled(ending, prompt, [rows[row]], stop=[stop])
        assert (ids_of(alone, 0), text_of(alone, 0)) == (ids, text)


def test_sampling_is_seeded_and_equal_rows_are_equal(engine: Engine) -> None:
    prompt, rows = engine.prompt(QUERY), rows_of(engine, [1, 0, 0], [0, 0, 0], [1, 0, 0])

    def ids(seed: int) -> list[list[int]]:
        sampling = Sampling(temperature=1.2, top_p=0.9, seed=seed)
        steps = list(engine.answer(prompt, rows, new_tokens=12, sampling=sampling))
        return [ids_of(steps, row) for row in range(3)]

    first = ids(5)
    assert first == ids(5)
    assert first != ids(6)
    assert first[0] == first[2] != first[1]


# --- no request sees another's weights


def steps_of(engine: Engine, query: str, *weights: Any) -> Iterator[Step]:
    return engine.answer(engine.prompt(query), rows_of(engine, *weights), new_tokens=10)


def test_interleaved_requests_are_what_each_is_alone(
    engine: Engine, model: PreTrainedModel
) -> None:
    requests = [
        (QUERY, [1, 0, 0], [0.5, 0.5, 0]),
        (ANOTHER, [0, 0, 0]),
        (QUERY, [0, 2, 0], [0, 0, 1], [-1, 0.3, 0]),
    ]
    alone = [list(steps_of(engine, *request)) for request in requests]
    expected = engine.trace(QUERY).hidden_RLPD
    running = [steps_of(engine, *request) for request in requests]
    together: list[list[Step]] = [[] for _ in requests]
    for _ in range(10):
        for place, steps in enumerate(running):
            together[place] += itertools.islice(steps, 1)
            assert hooks(model) == 0
        assert torch.equal(engine.trace(QUERY).hidden_RLPD, expected)
    assert together == alone


def test_threads_get_what_each_gets_alone(engine: Engine, model: PreTrainedModel) -> None:
    weights = [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0.4, -1, 2]]
    queries = [QUERY, ANOTHER, "玛丽有三个苹果", "def add(a, b):"]
    alone = [
        (list(steps_of(engine, query, row)), engine.trace(query).hidden_RLPD)
        for query, row in zip(queries, weights, strict=True)
    ]
    wrong: list[str] = []
    together = threading.Barrier(4)

    def hammer(place: int) -> None:
        try:
            together.wait()
            for _ in range(4):
                steps = list(steps_of(engine, queries[place], weights[place]))
                hidden = engine.trace(queries[place]).hidden_RLPD
                if steps != alone[place][0] or not torch.equal(hidden, alone[place][1]):
                    wrong.append(f"thread {place} got something else")
        except Exception as error:
            wrong.append(repr(error))

    threads = [threading.Thread(target=hammer, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("taken", [0, 1, 4])
def test_closing_an_answer_half_way_leaves_the_next_exact(
    engine: Engine, model: PreTrainedModel, taken: int
) -> None:
    expected, answer = engine.trace(QUERY), list(steps_of(engine, QUERY, [1, 0, 0]))
    steps = steps_of(engine, ANOTHER, [0, 3, 0], [1, 1, 1])
    for _ in range(taken):
        next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert hooks(model) == 0
    assert torch.equal(engine.trace(QUERY).hidden_RLPD, expected.hidden_RLPD)
    assert list(steps_of(engine, QUERY, [1, 0, 0])) == answer


class Cancelled(Exception):
    pass


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_a_cancelled_trace_leaves_the_next_exact(
    engine: Engine, model: PreTrainedModel, layer: int
) -> None:
    expected = engine.trace(QUERY).hidden_RLPD
    seen: list[float] = []

    def cancel(what: str, share: float) -> None:
        seen.append(share)
        if len(seen) == layer:
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.trace(ANOTHER, progress=cancel)
    assert seen == pytest.approx([(one + 1) / 3 for one in range(layer)])
    assert hooks(model) == 0
    assert torch.equal(engine.trace(QUERY).hidden_RLPD, expected)


def test_a_failing_forward_pass_leaves_the_next_exact(
    engine: Engine, model: PreTrainedModel
) -> None:
    expected = list(steps_of(engine, QUERY, [1, 0, 0]))

    def fail(*_: object) -> None:
        raise MemoryError

    for ask in (
        lambda: engine.trace(QUERY),
        lambda: list(steps_of(engine, QUERY, [0, 1, 0])),
    ):
        handle = model.model.layers[1].mlp.register_forward_hook(fail)
        with pytest.raises(MemoryError):
            ask()
        handle.remove()
        assert hooks(model) == 0
    assert list(steps_of(engine, QUERY, [1, 0, 0])) == expected


# --- caps and refusals


def refused(engine: Engine, **changes: Any) -> None:
    given: dict[str, Any] = {
        "prompt": engine.prompt("a"),
        "rows": rows_of(engine, [0] * len(engine.adapters)),
        "new_tokens": 1,
    }
    engine.answer(**{**given, **changes})


def test_caps_are_refused_with_the_value_and_the_limit(tmp_path: Path) -> None:
    limits = Limits(prompt_tokens=20, new_tokens=8, rows=2, adapters=1, every_token=5)
    engine, _, _ = tiny.tiny_engine(tmp_path, limits=limits)
    prompt = Prompt("", (1,) * 21, ("",) * 21, (False,) * 21, 0, 20, "plain")
    for message, changes in (
        ("9 new tokens.* 8", {"new_tokens": 9}),
        ("0 new tokens.* 1", {"new_tokens": 0}),
        ("3 answers.* 2", {"rows": rows_of(engine, [0, 0]) * 3}),
        ("0 answers.* 1", {"rows": []}),
        ("21 prompt tokens.* 20", {"prompt": prompt}),
    ):
        with pytest.raises(InputError, match=message):
            refused(engine, **changes)
    with pytest.raises(InputError, match=r"2 adapters.* 1 "):
        engine.trace("a")
    with pytest.raises(InputError, match=r"\d\d tokens.* 20 "):
        engine.trace("a b c d e f g h i j k", ["math"])
    with pytest.raises(InputError, match=r"\d+ tokens.* 5"):
        engine.every_token(engine.prompt("apples"), ["math"])
    assert engine.trace("a", ["math"]).adapters == ("math",)


def test_what_is_not_there_is_refused_by_name(engine: Engine) -> None:
    trace = engine.trace(QUERY)
    for message, ask in (
        ("'french'.*spanish, math, late", lambda: engine.trace(QUERY, ["french"])),
        ("'math' is named twice", lambda: engine.trace(QUERY, ["math", "math"])),
        ("No adapter", lambda: engine.trace(QUERY, [])),
        ("'blurred'.*norm, raw", lambda: engine.divergence(trace, "blurred")),
        ("'middle'.*query, prompt", lambda: engine.divergence(trace, "norm", "middle")),
        ("'far'.*kl", lambda: engine.divergence(trace, metric="far")),
        ("layer 3.*0 to 2", lambda: engine.cell(trace, 3, "math")),
        ("'french'", lambda: engine.cell(trace, 0, "french")),
        (
            "'french'",
            lambda: refused(engine, rows=[constant_row("mine", ("french",), torch.zeros(3, 1))]),
        ),
        (
            "4 layers.* 3",
            lambda: refused(engine, rows=[constant_row("mine", ("math",), torch.zeros(4, 1))]),
        ),
        ("NaN", lambda: constant_row("mine", ("math",), torch.full((3, 1), torch.nan))),
        (r"\(3, 2\)", lambda: constant_row("mine", ("math",), torch.zeros(3, 2))),
    ):
        with pytest.raises(InputError, match=message):
            ask()


def test_a_cell_holds_the_tokens_that_make_its_divergence(engine: Engine) -> None:
    trace = engine.trace(QUERY)
    values_LK = engine.divergence(trace).values_LK
    cell = engine.cell(trace, 1, "math")
    assert cell.divergence == pytest.approx(float(values_LK[1, 1]), rel=1e-9)
    probabilities = [change.base for change in cell.base_top]
    assert probabilities == sorted(probabilities, reverse=True)
    assert [change.base_rank for change in cell.base_top] == list(range(1, len(probabilities) + 1))
    assert [change.adapter_rank for change in cell.adapter_top] == list(
        range(1, len(probabilities) + 1)
    )
    shares = [change.share for change in cell.contributors]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1 + 1e-12
    assert engine.cell(trace, 0, "late").contributors == ()


def test_the_cells_of_a_layer_are_those_read_alone(tmp_path: Path) -> None:
    engine, *_ = tiny.tiny_engine(tmp_path, limits=NOTHING_KEPT)
    trace = engine.trace(QUERY)
    together = engine.cells(trace, 1)
    assert [cell.adapter for cell in together] == list(trace.adapters)
    for cell in together:
        alone = engine.cell(trace, 1, cell.adapter)
        assert cell.divergence == pytest.approx(alone.divergence, rel=1e-5)
        for listed in ("base_top", "adapter_top"):
            one, other = getattr(cell, listed), getattr(alone, listed)
            assert [change.id for change in one] == [change.id for change in other]
            assert [change.base_rank for change in one] == [change.base_rank for change in other]
    with pytest.raises(InputError, match="layer 3"):
        engine.cells(trace, 3)


# --- a long frame is run once

LONG_FORM = "<bos>" + " ".join(tiny.SENTENCES[:3]) * 2 + " {query} Assistant: "


@pytest.mark.parametrize("family", ["gemma3", "gpt2"])
def test_a_frame_that_is_kept_changes_nothing(tmp_path: Path, family: str) -> None:
    engine, model, _ = tiny.tiny_engine(
        tmp_path, family=family, form=LONG_FORM, limits=NOTHING_KEPT
    )
    passes: list[int] = []
    model.base_model.register_forward_pre_hook(
        lambda _, args, named: passes.append(named["input_ids"].shape[1]), with_kwargs=True
    )
    wholes = {}
    for query in ("玛丽有三个苹果", ANOTHER, "玛丽有三个苹果"):
        for adapters in (("math",), ("math", "spanish")):
            trace = engine.trace(query, adapters)
            if (query, adapters) not in wholes:
                # Every token is read without a kept frame.
                whole = engine.every_token(trace.prompt, adapters)
                wholes[query, adapters] = whole.values_LKT
            whole_LKT = wholes[query, adapters]
            found_LK = engine.divergence(trace).values_LK
            expected_LK = whole_LKT[:, :, trace.prompt.query_last]
            assert torch.allclose(found_LK, expected_LK, rtol=1e-8, atol=1e-15)
    assert min(passes) < trace.prompt.query_first < max(passes)  # a frame was kept and used


def test_a_cancelled_trace_leaves_a_kept_frame_exact(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path, form=LONG_FORM, limits=NOTHING_KEPT)

    def cancel(what: str, share: float) -> None:
        if share > 0.5:
            raise Cancelled

    for before in range(2):
        with pytest.raises(Cancelled):
            engine.trace(ANOTHER, progress=cancel)
        found = engine.trace(QUERY)
        whole_LKT = engine.every_token(found.prompt).values_LKT
        expected_LK = whole_LKT[:, :, found.prompt.query_last]
        found_LK = engine.divergence(found).values_LK
        assert torch.allclose(found_LK, expected_LK, rtol=1e-8, atol=1e-15), before
