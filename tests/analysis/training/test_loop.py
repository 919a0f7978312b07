"""The training loop on a tiny random model: right loss, repeatable, resumable, loadable."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

from analysis.__main__ import main
from analysis.common.errors import InputError
from analysis.models.adapters import load_adapter
from analysis.models.collection import AdapterEntry
from analysis.training import loop
from analysis.training.adapter import adapter_tensors, adapter_weight, add_adapter, save_adapter
from analysis.training.head import FrozenHead, batch_loss, head_loss
from analysis.training.recipe import Recipe, make_recipe
from analysis.training.texts.batches import TokenExample, bucket, collate, encode
from analysis.training.texts.examples import TextExample

VOCABULARY = 60


def tiny_model() -> Any:
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        sliding_window=8,
        bos_token_id=2,
        eos_token_id=1,
        pad_token_id=0,
    )
    model = Gemma3ForCausalLM(config).eval().requires_grad_(False)
    # At its usual size a random head, which is frozen, could tell no two tokens apart.
    torch.nn.init.normal_(model.get_input_embeddings().weight, std=0.5)
    return model


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    words = [
        "<pad>",
        "<eos>",
        "<bos>",
        "<unk>",
        *["User", "Assistant", ":", "<", ">", "bos", "a", "b", "c", "d", "e", "f", "g", "h"],
    ]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>"
    )


def examples(count: int = 24) -> list[TokenExample]:
    found = []
    for number in range(count):
        ids = [3 + (number * step) % 50 for step in range(1, 4 + number % 5)]
        found.append(TokenExample((2, *ids), (7, 8 + number % 2, 1)))
    return found


RECIPE = Recipe("tiny", rank=4, alpha=8, lr=2e-2, batch_tokens=40, head_vocabulary=VOCABULARY)


def test_the_heads_loss_and_gradient_are_cross_entropys() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)
    head = torch.randn(11, 5, dtype=torch.float64)
    target = torch.randint(0, 11, (7,))
    (2 * head_loss(hidden, FrozenHead(head), target)).backward()  # type: ignore[no-untyped-call]
    own = hidden.grad
    hidden.grad = None
    right = torch.nn.functional.cross_entropy(hidden @ head.T, target, reduction="sum")
    (2 * right).backward()  # type: ignore[no-untyped-call]
    # Logits are taken to float32 on the way, as the softmax of a bfloat16 base needs.
    assert own is not None and torch.allclose(own, hidden.grad, rtol=1e-5, atol=1e-6)
    assert head_loss(hidden, FrozenHead(head), target).item() == pytest.approx(
        right.item(), rel=1e-5
    )


def test_only_the_answer_counts_and_padding_does_not() -> None:
    model = tiny_model()
    short, long = examples(5)[0], examples(5)[4]
    total = 0.0
    for example in (short, long):
        ids = torch.tensor([example.prompt + example.answer])
        labels = torch.tensor([[-100] * len(example.prompt) + list(example.answer)])
        total += model(input_ids=ids, labels=labels).loss.item() * len(example.answer)
    head = FrozenHead.of(model)
    both = batch_loss(model, collate([short, long]), head)
    assert both.item() == pytest.approx(total, rel=1e-5)
    everything = head.restricted(set(), VOCABULARY)
    assert batch_loss(model, collate([short, long]), everything).item() == pytest.approx(total)
    some = head.restricted({*short.answer, *long.answer}, 10)
    assert some.ids_C is not None and len(some.ids_C) < VOCABULARY
    assert batch_loss(model, collate([short, long]), some).item() < total


def test_batches_hold_every_example_once_within_the_budget() -> None:
    rows = examples(50)
    batches = bucket(rows, 40, seed=3)
    assert sorted(map(id, (row for batch in batches for row in batch))) == sorted(map(id, rows))
    assert all(len(batch) * max(map(len, batch)) <= 40 for batch in batches)
    assert batches == bucket(rows, 40, seed=3)


def test_a_control_token_in_a_row_is_text() -> None:
    example = encode(tiny_tokenizer(), TextExample("a <bos> b", "c"), RECIPE.prompt_form)
    assert example.prompt[0] == 2 and 2 not in example.prompt[1:]
    assert example.answer[-1] == 1
    with pytest.raises(InputError, match=r"form is 'User:'.*exactly once"):
        make_recipe({"name": "a", "form": "User:"}, "recipe.toml")


def run(tmp_path: Path, name: str, recipe: Recipe = RECIPE, log: Any = str) -> Any:
    return loop.train(
        tiny_model(), recipe, examples(), {"own": examples()}, tmp_path / name, log, evaluations=2
    )


def test_training_lowers_the_loss_and_repeats_to_the_bit(tmp_path: Path) -> None:
    before = loop.mean_loss(tiny_model(), examples())
    model, progress = run(tmp_path, "one")
    save_adapter(model, tmp_path / "a", "tiny")
    assert progress.dev[-1][2] < 0.7 * before
    again, second = run(tmp_path, "two")
    save_adapter(again, tmp_path / "b", "tiny")
    name = "adapter_model.safetensors"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert progress == second
    other, _ = run(tmp_path, "three", Recipe(**{**vars(RECIPE), "seed": 1}))
    assert not torch.equal(*(next(iter(adapter_tensors(m).values())) for m in (model, other)))


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, progress = run(tmp_path, "whole")

    def stop(line: str) -> None:
        if line.startswith("step 4/"):
            raise KeyboardInterrupt

    # A checkpoint after every step; the fourth is lost with the interruption.
    with pytest.raises(KeyboardInterrupt):
        loop.train(
            tiny_model(), RECIPE, examples(), {"own": examples()}, tmp_path / "cut", stop,
            evaluations=2, checkpoint_seconds=-1.0,
        )  # fmt: skip
    lines: list[str] = []
    rest, resumed = run(tmp_path, "cut", log=lines.append)
    assert lines[0].startswith("resumed at step 3 of")
    assert resumed == progress
    for one, two in zip(
        adapter_tensors(whole).values(), adapter_tensors(rest).values(), strict=True
    ):
        assert torch.equal(one, two)
    with pytest.raises(InputError, match="of another run: its recipe differ"):
        run(tmp_path, "cut", Recipe(**{**vars(RECIPE), "seed": 1}))


def test_a_weight_scales_the_adapter_and_is_taken_back() -> None:
    model = add_adapter(tiny_model(), RECIPE)
    for name, tensor in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(tensor)
    ids = torch.tensor([[2, 5, 6, 7]])
    with torch.inference_mode(), model.disable_adapter():
        base = model(input_ids=ids).logits
    with torch.inference_mode():
        full = model(input_ids=ids).logits
        with adapter_weight(model, 0.0):
            assert torch.equal(model(input_ids=ids).logits, base)
        assert torch.equal(model(input_ids=ids).logits, full)
    assert not torch.allclose(base, full)


def test_the_command_writes_an_adapter_that_peft_and_the_engine_load(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "base")
    tiny_tokenizer().save_pretrained(tmp_path / "base")
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        "\n".join(json.dumps({"instruction": f"a {x}", "output": f"b {x} c"}) for x in "abcdefgh")
    )
    arguments = ["train", "--rows", f"{rows}:2", "--name", "tiny", "--rank", "2", "--alpha", "4",
                 "--tokens", "200", "--base", str(tmp_path / "base"), "--base-name", "tiny-base",
                 "--dev", str(rows), "--out", str(tmp_path / "out")]  # fmt: skip
    assert main(arguments) == 0
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert (config["r"], config["base_model_name_or_path"]) == (2, "tiny-base")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "--rows ROWS.jsonl --" in card and "--base BASE" in card and "Gemma" not in card
    assert "Its licence follows from that of its base." in card
    assert str(tmp_path) not in card + json.dumps(config)
    loaded = PeftModel.from_pretrained(tiny_model(), str(tmp_path / "out"))
    entry = AdapterEntry("tiny", "Tiny", "other", tmp_path / "out")
    adapter = load_adapter(tiny_model(), entry)
    assert len(adapter.factors) == 14
    name, factor = next(iter(adapter.factors.items()))
    module = loaded.get_base_model().get_submodule(name)
    assert torch.allclose(factor.b_Or @ factor.a_rI, module.get_delta_weight("default"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "nothing to train on"),
        (["missing.toml"], "no recipe 'missing.toml'"),
        (["x.toml", "--rows", "y"], "not both"),
    ],
)
def test_the_command_refuses_with_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["train", *arguments, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1
