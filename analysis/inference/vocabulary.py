"""The tokenizer and its lock: the only way from text to tokens and from tokens to text."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from transformers import PreTrainedTokenizerBase

from analysis.inference.prompt import Message, Prompt, answer_ids, build_prompt, turn_end
from analysis.inference.tokens import token_text
from analysis.models.collection import PromptForm


class Vocabulary:
    """Turns text into tokens and tokens into text, for any number of threads.

    Tokenizers change their state while they work: a second call during the first can raise an
    error. The lock is not the model's, so that text never waits for a forward pass.

    Args:
        tokenizer: The base model's; nothing else may use it at the same time.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._lock = Lock()

    @property
    def end_tokens(self) -> frozenset[int]:
        """Ids of the tokens that end a text."""
        end = self._tokenizer.eos_token_id
        if end is None:
            return frozenset()
        return frozenset([end] if isinstance(end, int) else end)

    @property
    def size(self) -> int:
        """One more than the largest id that text can have; control tokens do not count."""
        added = self._tokenizer.added_tokens_decoder
        ordinary = [id_ for id_, token in added.items() if not token.special]
        return max([int(self._tokenizer.vocab_size), *(id_ + 1 for id_ in ordinary)])

    def control_tokens(self, text: str) -> dict[str, int]:
        """The control tokens that a text spells, each with its id."""
        added = self._tokenizer.added_tokens_decoder
        return {
            token.content: id_
            for id_, token in added.items()
            if token.special and token.content in text
        }

    def turn_end(self) -> int | None:
        """The control token that ends an answer in the chat template; None where there is none."""
        with self._lock:
            return turn_end(self._tokenizer)

    def prompt(
        self,
        form: PromptForm | None,
        query: str | Sequence[Message],
        *,
        plain: bool,
        most_tokens: int,
    ) -> Prompt:
        """Builds a prompt; see `build_prompt`.

        Raises:
            InputError: There is nothing to read, too much, or the messages cannot be used.
        """
        with self._lock:
            return build_prompt(self._tokenizer, form, query, plain=plain, most_tokens=most_tokens)

    def answer_ids(self, text: str) -> tuple[int, ...]:
        """The tokens of a whole answer: its text, then the end token."""
        with self._lock:
            return answer_ids(self._tokenizer, text)

    def token(self, token_id: int) -> str:
        """One token as text for people; not escaped."""
        with self._lock:
            return token_text(self._tokenizer, token_id)

    def text(self, ids: Sequence[int]) -> str:
        """Tokens as one text, without control tokens."""
        with self._lock:
            return str(
                self._tokenizer.decode(
                    list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
                )
            )
