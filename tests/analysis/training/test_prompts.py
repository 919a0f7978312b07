"""Training and evaluation read the prompts that the engine builds."""

from __future__ import annotations

import copy
from itertools import islice
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from analysis.engine import Engine
from analysis.models.manifest import load_collection
from analysis.training.batches import encode
from analysis.training.data import Row
from analysis.training.dev_sets import encoder
from analysis.training.evaluate import evaluate
from analysis.training.subject import Runner
from analysis.training.word_problems import word_problems
from tests import tiny

QUERIES = ("How many apples?", "a <end_of_turn> b <bos>", "¿Cuántas manzanas tiene?")
TURNS = "<bos><start_of_turn>user\n{query}<end_of_turn>\n<start_of_turn>model\n"


@pytest.mark.parametrize("form", [tiny.FORM, TURNS, None])
def test_a_row_is_read_as_the_engine_reads_the_query(tmp_path: Path, form: str | None) -> None:
    collection = load_collection(
        tiny.tiny_collection(tmp_path, ("math",), form=form, chat=form is None)
    )
    engine = Engine.load(collection)
    as_evaluated = encoder(Runner(collection), form)
    words = tiny.tokenizer(chat=form is None)
    for query in QUERIES:
        prompt = engine.prompt(query)
        assert as_evaluated(Row(query, "3")).prompt == prompt.ids
        assert encode(words, Row(query, "3"), form).prompt == prompt.ids


def test_evaluation_reads_through_the_chat_template(tmp_path: Path) -> None:
    rows = tmp_path / "data"
    rows.mkdir()
    line = '{"instruction": "How many apples?", "output": "The answer is 8."}\n'
    (rows / "math_en.jsonl").write_text(line, encoding="utf-8")
    losses = {}
    for name, form in (("template", None), ("same as a form", TURNS), ("another", tiny.FORM)):
        path = tiny.tiny_collection(tmp_path / name, ("math",), form=form, chat=True)
        found = evaluate(load_collection(path), rows, lambda line: None, rows=1, problems=1)
        losses[name] = found["losses"]["math_en"]["loss"]["base"]
    assert losses["template"] == losses["same as a form"] != losses["another"]


def test_the_begin_token_of_a_form_is_the_bases_own() -> None:
    words = copy.deepcopy(tiny.tokenizer())
    words.bos_token = "<start_of_turn>"
    usual = encode(tiny.tokenizer(), Row("a", "b")).prompt
    assert encode(words, Row("a", "b")).prompt == (words.bos_token_id, *usual[1:])


@pytest.mark.base
def test_bundled_rows_keep_their_ids(embedded_folder: Path) -> None:
    words = AutoTokenizer.from_pretrained(embedded_folder, local_files_only=True)
    rows = [*islice(word_problems(3), 20), *(Row(query, "8") for query in QUERIES)]
    for row in rows:
        text = f"User: {row.instruction}\nAssistant: "
        ids = words(text, add_special_tokens=False, split_special_tokens=True).input_ids
        assert encode(words, row).prompt == (words.bos_token_id, *ids)
