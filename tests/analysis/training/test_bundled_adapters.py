"""The bundled adapters: they load, they are small, and their cards say what they must."""

import json
import re
import tomllib
from itertools import islice
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from analysis.inference.prompt import build_prompt
from analysis.models.collection import AdapterEntry, PromptForm
from analysis.models.manifest import load_collection
from analysis.training.card import WHAT_QUIET_MEANS
from analysis.training.loop import mean_loss
from analysis.training.texts.batches import encode
from analysis.training.texts.examples import TextExample
from analysis.training.texts.word_problems import word_problems
from tests.tiny import FORM

ROOT = Path(__file__).parents[3]
ENTRIES = load_collection().adapters


def test_the_collection_has_its_six_adapters() -> None:
    names = {entry.name for entry in ENTRIES}
    assert names == {"spanish", "russian", "chinese", "math", "code", "medical"}
    folders = {entry.folder.resolve() for entry in ENTRIES}
    assert {path.parent for path in ENTRIES[0].folder.parent.glob("*/*")} == folders


def test_the_adapters_are_small_enough_to_ship() -> None:
    files = [path for entry in ENTRIES for path in entry.folder.iterdir()]
    assert sum(path.stat().st_size for path in files) < 60e6
    assert {path.name for path in files} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    }


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_card_names_sources_licences_results_and_limits(entry: AdapterEntry) -> None:
    card = (entry.folder / "README.md").read_text(encoding="utf-8")
    for part in (
        "| source | licence | rows |",
        "Gemma Terms of Use",
        "train recipes/",
        "| this adapter |",
    ):
        assert part in card
    assert "limits" in card and "license: gemma" in card
    # The first command of a card made the bundled file: its recipe says what the card says.
    command = re.search(r"train recipes/(\S+\.toml)", card)
    assert command is not None
    recipe = tomllib.loads((entry.folder.parents[1] / "recipes" / command[1]).read_text("utf-8"))
    quiet = recipe["quiet"]
    assert f"{quiet['weight']:g} times how far the adapter at weight 1 moves" in card
    share = f"{quiet.get('start', 0):.0%} of it is for the prompts' last tokens."
    of_its_run, _, _ = card.partition("## The run it went on from")
    assert (share in of_its_run) == ("start" in quiet)
    assert ("so that it keeps its task" in card) == (quiet.get("keep", 0) > 0)
    assert WHAT_QUIET_MEANS in card
    config = json.loads((entry.folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "gemma-3-270m"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_card_has_the_readmes_own_score(entry: AdapterEntry) -> None:
    card = (entry.folder / "README.md").read_text(encoding="utf-8")
    found = re.search(
        r"^## Its own score\n(?:.+\n)+\n\| \|.*\n\|.*\n\| (.*) \|$", card, re.MULTILINE
    )
    assert found is not None
    what, of, base, own = found[1].split(" | ")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {re.escape(what)} \| (.*) \|$", readme, re.MULTILINE)
    assert row is not None, what
    cells = row[1].split(" | ")
    assert [of, base, own] == [*cells[:2], cells[-1].partition(":")[0]]


@pytest.mark.base
def test_plain_peft_loads_each_adapter_and_it_acts(embedded_model: PreTrainedModel) -> None:
    base = embedded_model
    ids = torch.tensor([[2, 2887, 236787, 9259]])
    with torch.inference_mode():
        before = base(input_ids=ids, logits_to_keep=1).logits
    for entry in ENTRIES:
        adapted = PeftModel.from_pretrained(base, str(entry.folder))
        with torch.inference_mode():
            after = adapted(input_ids=ids, logits_to_keep=1).logits
        assert torch.isfinite(after).all()
        assert (after - before).abs().max() > 0.1, entry.name
        base = adapted.unload()


@pytest.mark.base
def test_rows_are_read_as_the_engine_reads_questions(
    embedded_tokenizer: PreTrainedTokenizerBase,
) -> None:
    tokenizer = embedded_tokenizer
    form = PromptForm(FORM)
    for question in ("¿Cuántas manzanas?", " two  spaces\n\nand <bos>", "У Анны 12 книг.", "玛丽"):
        example = encode(tokenizer, TextExample(question, "Ocho. "), form)
        whole = f"User: {question}\nAssistant: "
        plain = tokenizer(whole, add_special_tokens=False, split_special_tokens=True).input_ids
        assert list(example.prompt) == [tokenizer.bos_token_id, *plain]
        assert example.prompt == build_prompt(tokenizer, form, question, most_tokens=99).ids
        assert example.answer[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(example.answer[:-1]) == "Ocho. "


@pytest.mark.base
def test_the_mathematics_adapter_halves_the_held_out_loss(
    embedded_model: PreTrainedModel, embedded_tokenizer: PreTrainedTokenizerBase
) -> None:
    base, tokenizer = embedded_model, embedded_tokenizer
    rows = islice(word_problems(7, split="test"), 4)
    examples = [encode(tokenizer, row, PromptForm(FORM)) for row in rows]
    before = mean_loss(base, examples)
    (math,) = (entry for entry in ENTRIES if entry.name == "math")
    adapted = PeftModel.from_pretrained(base, str(math.folder))
    assert mean_loss(adapted, examples) < before / 2
    adapted.unload()
