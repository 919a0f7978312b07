"""One loop for many prompts: each row gets the answer that it would get alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from analysis.engine import Engine
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.decoding.steps import Step
from analysis.inference.mixing.policies import ConstantWeights, ModuleInput, WeightRule
from analysis.inference.mixing.rows import Row
from analysis.inference.prompt import Prompt
from analysis.inference.vocabulary import Vocabulary
from analysis.methods import fuse
from tests import tiny

QUERIES = (
    "Paris",
    "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?",
    "def add(a, b)",
)


class Halves(WeightRule):
    """Half of each adapter, given token by token."""

    adapters = ("spanish", "math")

    def weights(self, at: ModuleInput) -> torch.Tensor:
        rows, tokens, _ = at.input_RTI.shape
        return torch.full((rows, tokens, 2), 0.5)


def policies(engine: Engine) -> list[Row]:
    """A row of each kind: nothing, one adapter, several, a rule."""
    constant = torch.tensor([[0.3, 0.9]], dtype=torch.float64).expand(engine.layers, -1)
    return [
        Row("base", ConstantWeights((), torch.zeros(engine.layers, 0))),
        Row("math", ConstantWeights(("math",), torch.ones(engine.layers, 1))),
        Row("mixed", ConstantWeights(("spanish", "math"), constant)),
        Row("rule", Halves()),
    ]


def alone(engine: Engine, prompt: Prompt, row: Row, new_tokens: int) -> list[Step]:
    return list(engine.answer(prompt, [row], new_tokens=new_tokens))


def ids_of(steps: Sequence[Step], row: int) -> list[int]:
    return [token.id for step in steps for token in step.tokens if token.row == row]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_answers_do_not_depend_on_neighbours_of_other_lengths(family: str, tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path, family=family, dtype=torch.float64)
    assert engine.runner.decoding.advance.shares
    rows = policies(engine)
    prompts = [engine.prompt(query) for query in QUERIES for _ in rows]
    every = [row for _ in QUERIES for row in rows]
    assert len({len(prompt.ids) for prompt in prompts}) == 3
    assert max(len(prompt.ids) for prompt in prompts) > 16, "longer than the sliding windows"
    answers = engine.answer_all(prompts, every, new_tokens=6, batch_rows=7)
    for prompt, row, answer in zip(prompts, every, answers, strict=True):
        steps = alone(engine, prompt, row, 6)
        assert answer.text == "".join(step.tokens[0].delta for step in steps)
        assert answer.tokens == len(steps) and answer.end == steps[-1].tokens[0].end
        logprobs = [torch.tensor(step.tokens[0].probability).log() for step in steps]
        assert answer.mean_logprob == pytest.approx(float(torch.stack(logprobs).mean()), abs=1e-6)
    assert len({answer.text for answer in answers}) > len(QUERIES)


def test_a_rule_of_equal_weights_answers_as_constants_do(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path, dtype=torch.float64)
    halves = torch.full((engine.layers, 2), 0.5)
    constant = Row("constant", ConstantWeights(Halves.adapters, halves))
    answering = engine.answer(
        engine.prompt(QUERIES[1]), [Row("rule", Halves()), constant], new_tokens=8
    )
    steps = list(answering)
    assert ids_of(steps, 0) == ids_of(steps, 1)
    by_rule, by_constant = answering.policy_weights()
    assert not by_rule.constant and by_constant.constant
    assert torch.equal(by_constant.mean_LK, halves.double())
    covered_LK = by_rule.mean_LK[by_rule.mean_LK > 0]
    assert torch.equal(covered_LK, torch.full_like(covered_LK, 0.5)) and len(covered_LK)
    assert float(by_rule.deviation_LK.max()) == 0


def test_sampling_draws_the_same_alone_and_among_others(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path, dtype=torch.float64)
    sampling = Sampling(1.0, 0.9, seed=7)
    prompt, rows = engine.prompt(QUERIES[1]), policies(engine)
    together = list(engine.answer(prompt, rows, new_tokens=8, sampling=sampling))
    for place, row in enumerate(rows):
        steps = list(engine.answer(prompt, [row], new_tokens=8, sampling=sampling))
        assert ids_of(steps, 0) == ids_of(together, place)


def test_between_two_steps_the_caller_is_not_in_inference_mode(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    answering = engine.answer(engine.prompt(QUERIES[1]), [policies(engine)[2]], new_tokens=4)
    modes = [torch.is_inference_mode_enabled() for _ in answering]
    assert modes and not any(modes)


def test_another_pass_runs_while_tokens_become_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    prompt, row = engine.prompt(QUERIES[1]), policies(engine)[2]
    ids = [token.id for step in alone(engine, prompt, row, 4) for token in step.tokens]
    other = engine.prompt(QUERIES[2])
    text, ran = Vocabulary.text, []

    def text_during_a_pass(self: Vocabulary, ids: Sequence[int]) -> str:
        if not ran:
            visitor = threading.Thread(target=lambda: ran.append(engine.trace(other)), daemon=True)
            visitor.start()
            visitor.join(30)
        return text(self, ids)

    monkeypatch.setattr(Vocabulary, "text", text_during_a_pass)
    answering = engine.answer(prompt, [row], new_tokens=4)
    first = next(answering)
    assert ran, "the other pass waited for the text"
    assert [token.id for step in (first, *answering) for token in step.tokens] == ids


def test_arrow_answers_and_tells_the_weights_it_had(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    prompt = engine.prompt(QUERIES[1])
    answering = engine.answer(
        prompt, fuse(["arrow", "static"], engine.context(prompt)), new_tokens=6
    )
    assert len(list(answering)) >= 1
    arrow, static = answering.policy_weights()
    assert arrow.adapters == static.adapters == engine.adapters
    assert not arrow.constant and static.constant
    # Each module's weights sum to 1, so their means do where all adapters cover all modules.
    assert float(arrow.mean_LK.min()) >= 0 and float(arrow.mean_LK.max()) <= 1
    assert float(arrow.deviation_LK.max()) > 0
