"""Training reads the prompts that the engine builds."""

from __future__ import annotations

import copy
from itertools import islice
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from analysis.engine import Engine
from analysis.models.collection import PromptForm
from analysis.models.manifest import load_collection
from analysis.training.recipe import Recipe
from analysis.training.texts.batches import encode
from analysis.training.texts.examples import TextExample
from analysis.training.texts.word_problems import word_problems
from tests import tiny

QUERIES = ("How many apples?", "a <end_of_turn> b <bos>", "¿Cuántas manzanas tiene?")
TURNS = "<bos><start_of_turn>user\n{query}<end_of_turn>\n<start_of_turn>model\n"
USUAL = Recipe("usual").prompt_form


@pytest.mark.parametrize("form", [tiny.FORM, TURNS, None])
def test_a_row_is_read_as_the_engine_reads_the_query(tmp_path: Path, form: str | None) -> None:
    collection = load_collection(
        tiny.tiny_collection(tmp_path, ("math",), form=form, chat=form is None)
    )
    engine = Engine.load(collection)
    words = tiny.tokenizer(chat=form is None)
    for query in QUERIES:
        row = encode(words, TextExample(query, "3"), PromptForm(form) if form else None)
        assert row.prompt == engine.prompt(query).ids


def test_the_begin_token_of_a_recipes_form_is_the_bases_own() -> None:
    words = copy.deepcopy(tiny.tokenizer())
    words.bos_token = "<start_of_turn>"
    usual = encode(tiny.tokenizer(), TextExample("a", "b"), USUAL).prompt
    assert encode(words, TextExample("a", "b"), USUAL).prompt == (words.bos_token_id, *usual[1:])


@pytest.mark.base
def test_bundled_rows_keep_their_ids(embedded_tokenizer: PreTrainedTokenizerBase) -> None:
    words = embedded_tokenizer
    rows = [*islice(word_problems(3), 20), *(TextExample(query, "8") for query in QUERIES)]
    for row in rows:
        text = f"User: {row.instruction}\nAssistant: "
        ids = words(text, add_special_tokens=False, split_special_tokens=True).input_ids
        assert encode(words, row, USUAL).prompt == (words.bos_token_id, *ids)
