"""Prompts and stop texts against the tokens that the base has."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.common.errors import InputError
from analysis.inference.vocabulary import Vocabulary
from analysis.models.collection import PromptForm

_SAMPLE = "a 1"


def check_prompts(
    vocabulary: Vocabulary, form: PromptForm | None, embeddings: int
) -> frozenset[int]:
    """Refuses prompts that the base cannot read, and finds what else ends an answer.

    Args:
        vocabulary: The tokenizer.
        form: The collection's prompt form; None for the tokenizer's chat template.
        embeddings: Number of tokens that the base knows.

    Returns:
        Control tokens that end an answer: stop texts that are one, and the end of a turn.

    Raises:
        InputError: A token of the prompt has no embedding, the chat template refuses a question, or
            a stop text can never be met.
    """
    if vocabulary.size > embeddings:
        raise InputError(
            f"The tokenizer has {vocabulary.size} tokens, and the base has embeddings for "
            f"{embeddings}: give the tokenizer that belongs to the base."
        )
    prompt = vocabulary.prompt(form, _SAMPLE, plain=False, most_tokens=100_000)
    for id_, token in zip(prompt.ids, prompt.tokens, strict=True):
        if id_ >= embeddings:
            raise InputError(
                f"The prompt holds the token {token!r} ({id_}), and the base has embeddings for "
                f"{embeddings} tokens: correct the prompt form, or give the base's own tokenizer."
            )
    if form is None:
        end = vocabulary.turn_end()
        return frozenset() if end is None else frozenset([end])
    controls = [(stop, vocabulary.control_tokens(stop)) for stop in form.stop]
    for stop, found in controls:
        if found and stop not in found:
            raise InputError(
                f"The stop text {stop!r} holds the control token {min(found)!r}, which is never a "
                "part of an answer's text: write the control token alone, or leave it out."
            )
    return frozenset(found[stop] for stop, found in controls if found)


def check_stop_texts(vocabulary: Vocabulary, stops: Sequence[str]) -> None:
    """Refuses stop texts of a request that could never be met.

    Raises:
        InputError: A stop text holds a control token.
    """
    for stop in stops:
        if found := vocabulary.control_tokens(stop):
            raise InputError(
                f"The stop text {stop!r} holds the control token {min(found)!r}, which is never a "
                "part of an answer's text: name it in the collection's prompt form."
            )
