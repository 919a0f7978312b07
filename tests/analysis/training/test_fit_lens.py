"""The fit of the Jacobian lens: equal to Jacobians made by hand, resumable, on stable texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.inference.passes.layer_states import find_blocks
from analysis.models.collection import PromptForm
from analysis.training.lenses.fit import FitSettings, fit_jacobians
from analysis.training.lenses.jacobians import prompt_jacobians
from analysis.training.lenses.windows import Text, read_texts, windows
from analysis.training.texts.batches import encode
from analysis.training.texts.examples import TextExample
from tests import tiny

TOKENS, FIRST = 8, 2
SETTINGS = FitSettings(prompts=5, tokens=TOKENS, first=FIRST, batch=5)


def prompts(seed: int = 0) -> Iterator[tuple[int, ...]]:
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield tuple(torch.randint(6, 400, (TOKENS,), generator=generator).tolist())


def output(value: Tensor | tuple[Tensor, ...]) -> Tensor:
    return value if isinstance(value, Tensor) else value[0]


def by_hand(model: PreTrainedModel, ids: Sequence[int], layer: int) -> Tensor:
    """The Jacobian of all last states in all states of a layer, then sum and mean as defined."""
    blocks = find_blocks(model, tiny.LAYERS)
    ids_RT = torch.tensor([list(ids)])
    found: list[Tensor] = []
    handle = blocks[layer].register_forward_hook(
        lambda module, inputs, value: found.append(output(value).detach())
    )
    model.base_model(input_ids=ids_RT, use_cache=False)
    handle.remove()

    def last(hidden_RTD: Tensor) -> Tensor:
        kept: list[Tensor] = []
        handles = [
            blocks[layer].register_forward_hook(
                lambda module, inputs, value: (
                    hidden_RTD if isinstance(value, Tensor) else (hidden_RTD, *value[1:])
                )
            ),
            blocks[-1].register_forward_hook(
                lambda module, inputs, value: kept.append(output(value))
            ),
        ]
        model.base_model(input_ids=ids_RT, use_cache=False)
        for one in handles:
            one.remove()
        return kept[0]

    every = torch.autograd.functional.jacobian(last, found[0])[0, :, :, 0]
    places = range(FIRST, len(ids) - 1)
    terms = [every[target, :, source] for source in places for target in places if target >= source]
    return torch.stack(terms).sum(dim=0) / len(places)


@pytest.mark.parametrize("family", ["gemma3", "llama", "gpt2"])
def test_the_rows_of_a_prompt_are_those_of_its_jacobian(family: str) -> None:
    model = tiny.model(family, dtype=torch.float64)
    ids, outputs = next(prompts()), [31, 0, 7]
    rows_LND = prompt_jacobians(
        model, find_blocks(model, tiny.LAYERS), ids, outputs, first=FIRST, batch=2
    )
    for layer in range(tiny.LAYERS - 1):
        # Norms of several families compute in float32.
        expected_ND = by_hand(model, ids, layer)[outputs]
        torch.testing.assert_close(rows_LND[layer], expected_ND, rtol=1e-5, atol=1e-6)


def test_a_fit_is_the_mean_over_prompts_with_the_identity_at_the_end(tmp_path: Path) -> None:
    model = tiny.model("llama", dtype=torch.float64)
    found_LDD, sums = fit_jacobians(model, prompts(), SETTINGS, "base", tmp_path / "work")
    blocks = find_blocks(model, tiny.LAYERS)
    single = [
        prompt_jacobians(model, blocks, ids, range(tiny.WIDTH), first=FIRST)
        for ids in islice(prompts(), SETTINGS.prompts)
    ]
    torch.testing.assert_close(found_LDD[:-1], torch.stack(single).mean(dim=0))
    assert torch.equal(found_LDD[-1], torch.eye(tiny.WIDTH, dtype=torch.float64))
    assert sums.count_D.tolist() == [SETTINGS.prompts] * tiny.WIDTH


def test_blocks_of_rows_give_every_row_the_same_number_of_prompts(tmp_path: Path) -> None:
    model = tiny.model("llama", dtype=torch.float64)
    ids = next(prompts())
    settings = FitSettings(prompts=14, tokens=TOKENS, rows=5, first=FIRST)  # 7 blocks, twice
    found_LDD, sums = fit_jacobians(model, iter([ids] * 14), settings, "base", tmp_path / "work")
    assert sums.count_D.tolist() == [2] * tiny.WIDTH
    # Of one prompt over and over, the blocks put together are its whole Jacobian.
    whole_LDD = prompt_jacobians(
        model, find_blocks(model, tiny.LAYERS), ids, range(tiny.WIDTH), first=FIRST
    )
    torch.testing.assert_close(found_LDD[:-1], whole_LDD)
    few = FitSettings(prompts=6, tokens=TOKENS, rows=5, first=FIRST)
    with pytest.raises(InputError, match=r"of 32 rows have no prompt: ask for more --prompts"):
        fit_jacobians(model, iter([ids] * 6), few, "base", tmp_path / "few")


class _Stopped(Exception):
    pass


def test_an_interrupted_fit_goes_on_to_the_same_result(tmp_path: Path) -> None:
    model = tiny.model("llama")
    settings = FitSettings(prompts=6, tokens=TOKENS, rows=16, first=FIRST)
    whole_LDD, _ = fit_jacobians(model, prompts(), settings, "base", tmp_path / "whole")
    said: list[str] = []

    def stop(line: str) -> None:
        said.append(line)
        if line.startswith("prompt 4"):
            raise _Stopped

    with pytest.raises(_Stopped):
        fit_jacobians(
            model, prompts(), settings, "base", tmp_path / "parts", stop, checkpoint_seconds=0
        )
    parts_LDD, sums = fit_jacobians(
        model, prompts(), settings, "base", tmp_path / "parts", said.append
    )
    # The fourth prompt was not saved yet: it runs again, and no prompt counts twice.
    assert [line.split(",")[0] for line in said] == [
        *(f"prompt {number} of 6" for number in (1, 2, 3, 4)),
        *(f"prompt {number} of 6" for number in (4, 5, 6)),
    ]
    assert sums.prompts == 6
    assert torch.equal(parts_LDD, whole_LDD)


def test_a_checkpoint_of_another_fit_is_refused(tmp_path: Path) -> None:
    model = tiny.model("llama")
    settings = FitSettings(prompts=1, tokens=TOKENS, first=FIRST)
    fit_jacobians(model, prompts(), settings, "base", tmp_path / "work")
    more = FitSettings(prompts=2, tokens=TOKENS, first=FIRST)
    with pytest.raises(InputError, match=r"fit on another text: delete it or name another --work"):
        fit_jacobians(model, prompts(seed=1), more, "base", tmp_path / "work")
    with pytest.raises(InputError, match=r"another fit \(base differ\)"):
        fit_jacobians(model, prompts(), more, "other", tmp_path / "work")
    (tmp_path / "work").write_bytes(b"no tensors")
    with pytest.raises(InputError, match=r"checkpoint .*work cannot be read: delete it"):
        fit_jacobians(model, prompts(), more, "base", tmp_path / "work")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (FitSettings(prompts=0), "--prompts 0 cannot be used: give 1 or more"),
        (FitSettings(tokens=17), "--tokens 17 cannot be used: give 18 or more"),
        (FitSettings(rows=33), "--rows 33 cannot be used: give 0 to 32"),
        (FitSettings(batch=0), "--batch 0 cannot be used: give 1 or more"),
    ],
)
def test_settings_out_of_range_are_refused(
    settings: FitSettings, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        fit_jacobians(tiny.model("llama"), prompts(), settings, "base", tmp_path / "work")


def test_windows_are_the_same_each_time_however_many_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "prose.txt"
    path.write_text("\n".join(tiny.SENTENCES * 4), encoding="utf-8")
    form = PromptForm(tiny.FORM, ())

    def taken(count: int) -> list[tuple[int, ...]]:
        texts = read_texts(["own", str(path)], seed=0)
        return list(islice(windows(tiny.tokenizer(), texts, form, 40, seed=0), count))

    few, many = taken(7), taken(14)
    assert many[:7] == few
    assert {len(window) for window in many} == {40}
    begin = tiny.tokenizer().bos_token_id
    assert all(window[0] == begin and begin not in window[1:] for window in many)
    # Four languages and the word problems, then the file, then again.
    assert len(set(many)) == 14
    decoded = [tiny.tokenizer().decode(window) for window in many]
    assert all(text.startswith("<bos>User: ") for text in decoded[:5] + decoded[6:11])
    prose = tiny.tokenizer().decode(
        tiny.tokenizer()(path.read_text(), add_special_tokens=False)["input_ids"]
    )
    assert decoded[5].removeprefix("<bos>") in prose


def test_rows_name_their_sources_and_are_written_in_the_prompt_form(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = {"instruction": "How many?", "output": "Three.", "source": "Tatoeba", "license": "CC-BY"}
    path.write_text(json.dumps(row) + "\n")
    (text,) = read_texts([str(path)], seed=0)
    assert text.license == "Tatoeba (CC-BY)"
    # Control tokens of any form act as such, and the begin token comes once.
    for form in ("<bos>User: {query}\nAssistant: ", "<bos><start_of_turn>{query}<end_of_turn>"):
        (again,) = read_texts([str(path)], seed=0)
        window = next(windows(tiny.tokenizer(), [again], PromptForm(form), 60, seed=0))
        row = encode(tiny.tokenizer(), TextExample("How many?", "Three."), PromptForm(form))
        assert window[: len(row)] == (*row.prompt, *row.answer)


def test_a_text_that_spells_a_control_token_stays_text() -> None:
    text = Text("sly", "a <eos> b <bos> c " * 9)
    window = next(windows(tiny.tokenizer(), [text], None, 20, seed=0))
    assert {tiny.tokenizer().eos_token_id, tiny.tokenizer().bos_token_id} & set(window[1:]) == set()


def test_texts_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"text 'nowhere.txt' cannot be read.*or own"):
        read_texts(["nowhere.txt"], seed=0)
    (tmp_path / "short.txt").write_text("Too short.")
    short = read_texts([str(tmp_path / "short.txt")], seed=0)
    with pytest.raises(InputError, match=r"short.txt has \d+ tokens, fewer than a window of 127"):
        next(windows(tiny.tokenizer(), short, None, 128, seed=0))
