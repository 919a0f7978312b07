"""Rows as token ids, and batches of rows of like length."""

import random
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from analysis.common.grouping import grouped_by_length
from analysis.inference.prompt import answer_ids, prompt_ids
from analysis.models.collection import PromptForm
from analysis.training.texts.examples import TextExample


@dataclass(frozen=True)
class TokenExample:
    """Token ids of one row: the prompt, then the answer with its end token."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True)
class TokenBatch:
    """Padded ids; `position_N` indexes flattened `[R * T]` states that predict `target_N`.

    `start_R` is the place of each prompt's last token, which predicts the answer's first.
    """

    ids_RT: Tensor
    mask_RT: Tensor
    position_N: Tensor
    target_N: Tensor
    start_R: Tensor

    @property
    def tokens(self) -> int:
        """Tokens that are not padding."""
        return int(self.mask_RT.sum())


def encode(
    tokenizer: PreTrainedTokenizerBase, example: TextExample, form: PromptForm | None
) -> TokenExample:
    """Tokenises an example as the engine asks: its prompt, then its answer with the end token.

    Args:
        tokenizer: The base model's.
        example: The example; control tokens that it spells stay text.
        form: The prompt form; None for the tokenizer's chat template. `<bos>` at its beginning
            stands for the begin token of any base that is trained on.
    """
    if form is not None and form.form.startswith("<bos>"):
        begin = str(tokenizer.bos_token or "")
        form = PromptForm(begin + form.form.removeprefix("<bos>"), form.stop)
    return TokenExample(
        prompt_ids(tokenizer, form, example.instruction), answer_ids(tokenizer, example.output)
    )


def bucket(examples: list[TokenExample], batch_tokens: int, seed: int) -> list[list[TokenExample]]:
    """Group examples of like length into batches of at most `batch_tokens` padded tokens.

    Lengths are sorted only within windows of a few dozen batches, so batches stay mixed over
    time; the order of the batches in a window is shuffled.
    """
    rng = random.Random(seed)
    mean = sum(map(len, examples)) / max(1, len(examples))
    window = max(1, int(32 * batch_tokens / max(1.0, mean)))
    batches: list[list[TokenExample]] = []
    for start in range(0, len(examples), window):
        part = examples[start : start + window]
        groups = [
            [part[place] for place in places]
            for places in grouped_by_length([len(example) for example in part], batch_tokens)
        ]
        rng.shuffle(groups)
        batches += groups
    return batches


def collate(examples: list[TokenExample]) -> TokenBatch:
    """Right-pad a batch; with causal attention padding after a row changes nothing before it."""
    width = max(map(len, examples))
    ids_RT = torch.zeros(len(examples), width, dtype=torch.long)
    mask_RT = torch.zeros(len(examples), width, dtype=torch.long)
    positions: list[int] = []
    targets: list[int] = []
    for index, example in enumerate(examples):
        ids_RT[index, : len(example)] = torch.tensor(example.prompt + example.answer)
        mask_RT[index, : len(example)] = 1
        start = index * width + len(example.prompt) - 1
        positions += range(start, start + len(example.answer))
        targets += example.answer
    start_R = torch.tensor([len(example.prompt) - 1 for example in examples])
    return TokenBatch(ids_RT, mask_RT, torch.tensor(positions), torch.tensor(targets), start_R)
