"""Prompts and stop texts that the base cannot read or meet are refused at load."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import GenerationConfig, PreTrainedTokenizerFast

from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.models.collection import PromptForm
from tests import tiny


def with_added(*, special: bool) -> PreTrainedTokenizerFast:
    words = copy.deepcopy(tiny.tokenizer())
    words.add_tokens(["<far>"], special_tokens=special)
    return words


def ends(engine: Engine) -> set[str]:
    return {engine.token(id_) for id_ in engine.runner.decoding.ends}


def test_a_token_without_an_embedding_is_refused_at_load() -> None:
    base = tiny.model("llama", vocabulary=480)
    with pytest.raises(
        InputError, match=r"'<far>' \(480\).*embeddings for 480.*correct the prompt"
    ):
        Engine(base, with_added(special=True), prompt=PromptForm("<far>{query}"))
    template = with_added(special=True)
    template.chat_template = "{{ messages[0]['content'] }}<far>"
    with pytest.raises(InputError, match=r"'<far>' \(480\)"):
        Engine(base, template)
    with pytest.raises(InputError, match=r"has 481 tokens.*for 480: give the tokenizer"):
        Engine(base, with_added(special=False), prompt=PromptForm("{query}"))
    # A control token that no prompt holds does no harm: what users write never becomes one.
    engine = Engine(base, with_added(special=True), prompt=PromptForm("{query}"))
    assert max(engine.prompt("a <far> b").ids) < 480


def test_a_chat_template_that_refuses_a_question_is_refused_at_load() -> None:
    words = copy.deepcopy(tiny.tokenizer())
    words.chat_template = "{{ raise_exception('only pairs') }}"
    with pytest.raises(InputError, match="template refuses these messages: only pairs"):
        Engine(tiny.model("llama"), words)


def test_a_stop_text_that_is_a_control_token_ends_answers() -> None:
    base, words = tiny.model("llama"), tiny.tokenizer()
    form = PromptForm(tiny.FORM, ("<end_of_turn>", tiny.STOP))
    engine = Engine(base, words, prompt=form)
    assert ends(engine) == {"<eos>", "<end_of_turn>"}
    with pytest.raises(InputError, match=r"'<end_of_turn>\\n' holds the control token.*alone"):
        Engine(base, words, prompt=PromptForm(tiny.FORM, ("<end_of_turn>\n",)))
    row = Row("base", ConstantWeights((), torch.zeros(engine.layers, 0)))
    with pytest.raises(InputError, match=r"'x<eos>' holds the control token '<eos>'"):
        engine.answer(engine.prompt("a"), [row], stop=["x<eos>"])


def test_the_end_of_a_turn_and_all_named_ends_end_answers() -> None:
    assert ends(Engine(tiny.model("llama"), tiny.tokenizer(chat=True))) == {
        "<eos>",
        "<end_of_turn>",
    }
    several = tiny.model("llama")
    several.generation_config = GenerationConfig(eos_token_id=[4, 3])
    several.config.eos_token_id = 0
    plain = Engine(several, tiny.tokenizer(), prompt=PromptForm(tiny.FORM))
    assert ends(plain) == {"<pad>", "<eos>", "<unk>", "<start_of_turn>"}
