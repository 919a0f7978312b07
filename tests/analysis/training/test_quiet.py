"""Quiet training on a tiny random model: the right penalty, a quieter adapter, a seeded run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from analysis.__main__ import main
from analysis.common.errors import InputError
from analysis.training import loop
from analysis.training.adapter import (
    adapter_tensors,
    adapter_weight,
    add_adapter,
    add_start,
    start_adapter,
)
from analysis.training.card import WHAT_QUIET_MEANS, earlier
from analysis.training.quiet import (
    ForeignRows,
    foreign_rows,
    mean,
    mean_change,
    relative_change,
)
from analysis.training.recipe import Quiet, Recipe, make_recipe, read_recipe
from analysis.training.texts.batches import TokenBatch, TokenExample, collate
from analysis.training.texts.sources import ASSETS
from tests.analysis.training.test_loop import VOCABULARY, examples, tiny_model, tiny_tokenizer

RECIPE = Recipe("tiny", rank=4, alpha=8, lr=2e-2, batch_tokens=40, head_vocabulary=VOCABULARY)
FOREIGN = [TokenExample((2, *range(30 + n % 7, 36 + n % 9)), (40 + n % 5, 1)) for n in range(20)]


def model_with_adapter(precise: bool = False) -> Any:
    """A tiny model whose adapter acts in every linear."""
    model = add_adapter(tiny_model(), RECIPE)
    generator = torch.Generator().manual_seed(1)
    for name, tensor in model.named_parameters():
        if "lora_B" in name:
            tensor.data.normal_(std=0.05, generator=generator)
    return model.double() if precise else model


def states_of(model: Any, example: TokenExample) -> list[Tensor]:
    """After each block, `[tokens, width]`, of a row on its own: Transformers' record of them."""
    last: list[Tensor] = []
    # The record holds the last block's only after the final norm.
    handle = model.model.norm.register_forward_pre_hook(lambda _, inputs: last.append(inputs[0][0]))
    with torch.inference_mode():
        recorded = model(
            input_ids=torch.tensor([example.prompt + example.answer]), output_hidden_states=True
        ).hidden_states
    handle.remove()
    return [*(one[0] for one in recorded[1:-1]), *last]


def changes(row: TokenExample) -> list[list[float]]:
    """The relative change by token and layer in float64, with ΔW put into the weights."""
    adapted = model_with_adapter(precise=True).merge_and_unload()
    pairs = list(zip(states_of(tiny_model().double(), row), states_of(adapted, row), strict=True))
    return [
        [
            float((after[token] - before[token]).norm()) ** 2 / float(before[token].norm()) ** 2
            for before, after in pairs
        ]
        for token in range(len(row))
    ]


def means(changes_NL: list[list[float]]) -> list[float]:
    """The mean over tokens, by layer."""
    return [mean(change_N) for change_N in zip(*changes_NL, strict=True)]


def reference(rows: list[TokenExample]) -> list[float]:
    """The mean over all tokens but each row's first, by layer."""
    return means([change_L for row in rows for change_L in changes(row)[1:]])


@pytest.mark.parametrize("precise", [True, False])
def test_the_change_is_the_mean_over_tokens_of_the_relative_change(precise: bool) -> None:
    rows = [FOREIGN[0], FOREIGN[3], FOREIGN[8]]
    assert len({len(row) for row in rows}) > 1
    right = reference(rows)
    model = model_with_adapter(precise)
    tolerance = 1e-9 if precise else 1e-4
    assert relative_change(model, collate(rows)).mean_L.tolist() == pytest.approx(
        right, rel=tolerance
    )
    # The report runs in batches of its own, and counts every token alike.
    assert mean_change(model, rows, batch_tokens=12) == pytest.approx(right, rel=tolerance)


def test_padding_and_the_first_token_are_left_out() -> None:
    model = model_with_adapter(precise=True)
    row = FOREIGN[0]
    alone = collate([row])
    padded = TokenBatch(
        torch.nn.functional.pad(alone.ids_RT, (0, 5), value=9),
        torch.nn.functional.pad(alone.mask_RT, (0, 5)),
        alone.position_N,
        alone.target_N,
        alone.start_R,
    )
    ours, theirs = relative_change(model, padded), relative_change(model, alone)
    assert torch.allclose(ours.mean_L, theirs.mean_L, rtol=1e-9)
    assert torch.allclose(ours.start_L, theirs.start_L, rtol=1e-9)
    short = TokenExample((2, 30), ())
    with torch.inference_mode():
        assert relative_change(model, collate([short])).mean_L.shape == (2,)
    # Alone, the first token would have been counted: the state of one more token is all there is.
    base, adapted = tiny_model().double(), model_with_adapter(precise=True).merge_and_unload()
    before, after = states_of(base, short)[0][1], states_of(adapted, short)[0][1]
    found = float(relative_change(model, collate([short])).mean_L[0].detach())
    assert found == pytest.approx(float((after - before).norm() / before.norm()) ** 2, rel=1e-9)


def test_the_answer_start_has_a_share_of_the_penalty() -> None:
    model = model_with_adapter(precise=True)
    rows = [FOREIGN[0], FOREIGN[3]]
    found = relative_change(model, collate(rows))
    right = means([changes(row)[len(row.prompt) - 1] for row in rows])
    assert found.start_L.tolist() == pytest.approx(right, rel=1e-6)
    rule = foreign_rows(Quiet(weight=60.0, start=0.25), FOREIGN, {}, 40, 0)
    penalty = 60.0 * (0.75 * mean(found.mean_L.tolist()) + 0.25 * mean(right))
    assert float(found.penalty(rule).detach()) == pytest.approx(penalty, rel=1e-6)


def test_a_prompt_of_one_token_has_no_answer_start() -> None:
    found = relative_change(model_with_adapter(), collate([TokenExample((2,), (30, 1))]))
    assert found.start_L.tolist() == [0.0, 0.0] and mean(found.mean_L.tolist()) > 0


def test_an_adapter_that_does_nothing_has_no_penalty() -> None:
    fresh = add_adapter(tiny_model(), RECIPE)
    assert relative_change(fresh, collate(FOREIGN[:3])).mean_L.tolist() == [0.0, 0.0]
    model = model_with_adapter()
    with adapter_weight(model, 0.0):
        assert relative_change(model, collate(FOREIGN[:3])).mean_L.tolist() == [0.0, 0.0]
    assert mean(mean_change(model, FOREIGN)) > 1e-5


def test_the_gradient_lowers_the_change_and_reaches_the_adapter_alone() -> None:
    model = model_with_adapter()
    batch = collate(FOREIGN[:6])
    trained = [tensor for tensor in model.parameters() if tensor.requires_grad]
    before = relative_change(model, batch).mean_L.mean()
    before.backward()  # type: ignore[no-untyped-call]
    assert all(tensor.grad is None for tensor in model.parameters() if not tensor.requires_grad)
    norm = sum(float(t.grad.square().sum()) for t in trained if t.grad is not None) ** 0.5
    assert norm > 0
    with torch.no_grad():
        for tensor in trained:
            if tensor.grad is not None:
                tensor -= 1e-3 * tensor.grad / norm
        after = relative_change(model, batch).mean_L.mean()
    # As far as the slope says, in the first order.
    assert float(before.detach() - after) == pytest.approx(1e-3 * norm, rel=0.2)


def foreign(weight: float = 60.0, every: int = 2) -> ForeignRows:
    samples = {"own": examples()[:4], "foreign": FOREIGN[-4:]}
    return foreign_rows(Quiet(weight=weight, every=every), FOREIGN[:-4], samples, 40, 0)


def run(folder: Path, rows: ForeignRows | None, log: Any = str, **more: Any) -> Any:
    return loop.train(
        tiny_model(), RECIPE, examples(), {"own": examples()}, folder, log,
        evaluations=1, foreign=rows, **more,
    )  # fmt: skip


def test_a_quiet_run_learns_its_own_rows_and_leaves_foreign_ones(tmp_path: Path) -> None:
    plain, seen = run(tmp_path / "plain", None)
    quiet, progress = run(tmp_path / "quiet", foreign(every=1))
    assert mean(mean_change(quiet, FOREIGN)) < 0.5 * mean(mean_change(plain, FOREIGN))
    base_loss = loop.mean_loss(tiny_model(), examples())
    assert progress.dev[-1][2] < 0.8 * base_loss
    steps = len(progress.train)
    assert [(step, kind) for step, kind, _ in progress.change] == [
        (0, "own"), (0, "foreign"), (steps, "own"), (steps, "foreign"),
    ]  # fmt: skip
    assert progress.change[0][2] == (0.0, 0.0)
    assert progress.change[-1][2] == pytest.approx(mean_change(quiet, FOREIGN[-4:]))
    assert seen.change == () and seen.foreign == ()


def test_the_start_adapter_is_the_reference_where_its_states_are_kept() -> None:
    model = model_with_adapter(precise=True)
    start = adapter_tensors(model)
    add_start(model, start)
    batch = collate(FOREIGN[:3])
    # The same adapter moves nothing from itself, at any weight; the base is still the default.
    with adapter_weight(model, 0.4):
        same = relative_change(model, batch, start_adapter(model))
    assert same.mean_L.tolist() == pytest.approx([0.0, 0.0], abs=1e-12)
    right = reference(FOREIGN[:3])
    assert relative_change(model, batch).mean_L.tolist() == pytest.approx(right, rel=1e-6)
    # With the trained adapter at zero, its states are the base's: the change is that of the start.
    trained = [tensor for tensor in model.parameters() if tensor.requires_grad]
    assert trained and all(
        "default" in name for name, tensor in model.named_parameters() if tensor.requires_grad
    )
    with torch.no_grad():
        for tensor in trained:
            tensor.zero_()
    with start_adapter(model):
        assert relative_change(model, batch).mean_L.tolist() == pytest.approx(right, rel=1e-6)
    assert relative_change(model, batch).mean_L.tolist() == [0.0, 0.0]
    assert all(tensor.requires_grad for tensor in trained)


def test_kept_states_keep_an_adapter_closer_to_its_start(tmp_path: Path) -> None:
    plain, _ = run(tmp_path / "plain", None)
    start = adapter_tensors(plain)
    lost = {}
    for keep in (0.0, 200.0):
        rows = replace(foreign(every=1), keep=keep)
        model, _ = run(tmp_path / f"keep {keep}", rows, start=start)
        if not keep:
            add_start(model, start)
        batch = collate(examples()[:8])
        with torch.inference_mode():
            found = relative_change(model, batch, start_adapter(model))
        lost[keep] = float(found.mean_L.mean())
    assert lost[200.0] < 0.8 * lost[0.0]
    with pytest.raises(InputError, match="quiet keep needs an adapter to go on from"):
        run(tmp_path / "no start", replace(foreign(), keep=1.0))


def test_foreign_rows_come_every_so_many_steps(tmp_path: Path) -> None:
    lines: list[str] = []
    _, progress = run(tmp_path, foreign(every=3), lines.append)
    with_penalty = [step for step, _ in progress.foreign]
    assert with_penalty == list(range(1, len(progress.train) + 1, 3))
    assert sum("change on foreign rows" in line for line in lines) == len(with_penalty) + 2


def test_an_interrupted_quiet_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, progress = run(tmp_path / "whole", foreign())

    def stop(line: str) -> None:
        if line.startswith("step 4/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", foreign(), stop, checkpoint_seconds=-1.0)
    lines: list[str] = []
    rest, resumed = run(tmp_path / "cut", foreign(), lines.append)
    assert lines[0].startswith("resumed at step 3 of")
    assert resumed == progress
    for one, two in zip(
        adapter_tensors(whole).values(), adapter_tensors(rest).values(), strict=True
    ):
        assert torch.equal(one, two)


SOURCES = '[[source]]\nrows = "own.jsonl"\nweight = 3\n[[source]]\neveryday = "en"\n'


def test_each_file_of_quiet_rows_counts_as_much_as_the_others(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(SOURCES)
    (tmp_path / "two.toml").write_text("lr = 1\n[[source]]\ndrills = true\n")
    (tmp_path / "mine.toml").write_text(
        '[quiet]\nrows = ["one.toml", "two.toml"]\nweight = 20\n[[source]]\ndrills = true\n'
    )
    quiet = read_recipe(tmp_path / "mine.toml", {}).quiet
    assert quiet is not None and (quiet.weight, quiet.every) == (20, 1)
    assert [source.weight for source in quiet.sources] == [0.75, 0.25, 1.0]
    assert [source.everyday for source in quiet.sources] == ["", "en", ""]


@pytest.mark.parametrize(
    ("quiet", "complaint"),
    [
        (3, r"quiet must be a table \[quiet\]"),
        ({"rows": ["one.toml"], "loud": 1}, "unknown field 'loud'"),
        ({}, r"quiet rows is \[\]; it must be a list of TOML files"),
        ({"rows": "one.toml"}, "quiet rows is 'one.toml'; it must be a list"),
        ({"rows": ["none.toml"]}, "no file of quiet rows .*none.toml.*Give a TOML file"),
        ({"rows": ["empty.toml"]}, "'empty.toml', which has no"),
        ({"rows": ["bad.toml"]}, "bad.toml is not TOML"),
        ({"rows": ["one.toml"], "weight": 0}, "quiet weight is 0; it must be a number above 0"),
        ({"rows": ["one.toml"], "weight": float("nan")}, "quiet weight is nan"),
        ({"rows": ["one.toml"], "weight": "60"}, "quiet weight is '60'"),
        ({"rows": ["one.toml"], "start": 1.5}, "quiet start is 1.5; it must be from 0 to 1"),
        ({"rows": ["one.toml"], "start": "0"}, "quiet start is '0'"),
        ({"rows": ["one.toml"], "keep": -1}, "quiet keep is -1; it must be 0 or above"),
        ({"rows": ["one.toml"], "keep": True}, "quiet keep is True"),
        ({"rows": ["one.toml"], "every": 0}, "quiet every is 0; it must be a whole number above"),
        ({"rows": ["one.toml"], "every": 1.5}, "quiet every is 1.5"),
    ],
)
def test_bad_quiet_values_are_refused(tmp_path: Path, quiet: object, complaint: str) -> None:
    (tmp_path / "one.toml").write_text(SOURCES)
    (tmp_path / "empty.toml").write_text("lr = 1\n")
    (tmp_path / "bad.toml").write_text("lr =\n")
    with pytest.raises(InputError, match=complaint) as caught:
        make_recipe({"name": "a", "quiet": quiet}, "here", tmp_path)
    assert "\n" not in str(caught.value)


def test_the_command_continues_an_adapter_quietly_and_its_card_tells(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "base")
    tiny_tokenizer().save_pretrained(tmp_path / "base")
    for name, letters, licence in (("own", "abcd", "CC0-1.0"), ("other", "efgh", "MIT")):
        lines = [
            json.dumps({"instruction": f"a {x}", "output": f"b {x}", "source": name,
                        "license": licence})
            for x in letters
        ]  # fmt: skip
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    fields = "rank = 2\nalpha = 4\ntokens = 60\nbatch_tokens = 40\n"
    source = '[[source]]\nrows = "{}.jsonl"\n'
    (tmp_path / "loud.toml").write_text(fields + source.format("own"))
    (tmp_path / "other.toml").write_text(source.format("other"))
    (tmp_path / "quiet.toml").write_text(
        fields + '[quiet]\nrows = ["other.toml"]\nstart = 0.25\n' + source.format("own")
    )
    common = ["--data", str(tmp_path), "--base", str(tmp_path / "base"), "--base-name", "tiny"]
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["train", str(tmp_path / "loud.toml"), *common, "--out", str(first)]) == 0
    assert "quiet" not in (first / "README.md").read_text(encoding="utf-8").lower()
    start = ["--start", str(first), "--out", str(second)]
    assert main(["train", str(tmp_path / "quiet.toml"), *common, *start]) == 0
    card = (second / "README.md").read_text(encoding="utf-8")
    own, foreign_part = card.partition("Foreign rows")[::2]
    assert "| own | CC0-1.0 |" in own and "| other | MIT |" in foreign_part
    assert WHAT_QUIET_MEANS in card
    assert "60 times how far the adapter at weight 1 moves" in card
    assert "25% of it is for the prompts' last tokens." in card
    assert "| layer | own rows, before | own rows, after | foreign rows, before |" in card
    assert "| mean | " in card and str(tmp_path) not in card
    # What the first run was trained on stays credited.
    went_on = card.partition("## The run it went on from")[2]
    assert "### Data" in went_on and "train recipes/loud.toml" in went_on
    assert earlier(second) is not None and earlier(tmp_path / "base") is None


@pytest.mark.parametrize(
    ("collection", "sources", "least"), [("gemma-3-270m", 4, 6), ("smollm2-135m", 2, 1)]
)
def test_the_general_rows_know_no_domain_of_the_bundled_adapters(
    collection: str, sources: int, least: int
) -> None:
    recipes = ASSETS / "collections" / collection / "recipes"
    content = {"name": "a", "quiet": {"rows": ["foreign/general.toml"]}}
    quiet = make_recipe(content, "here", recipes).quiet
    assert quiet is not None
    general = {source.rows or source.everyday for source in quiet.sources}
    learned = {
        source.rows or source.everyday
        for path in recipes.glob("*.toml")
        for source in read_recipe(path, {}).sources
    }
    assert len(general) == sources and len(learned) > least and not general & learned
