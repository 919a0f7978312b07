"""The one decoding loop: many prompts, each with a policy of its own, in lock step."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedModel

from analysis.inference.decoding.answer_text import AnswerText
from analysis.inference.decoding.sampling import Sampling, choose
from analysis.inference.decoding.steps import End, Step, Token
from analysis.inference.head import Head
from analysis.inference.mixing.applied_rows import AppliedRows
from analysis.inference.mixing.mixture import Mixture
from analysis.inference.mixing.policies import ConstantWeights, Policy
from analysis.inference.mixing.policy_weights import (
    PolicyWeights,
    constant_weights,
    recorder_of,
)
from analysis.inference.vocabulary import Vocabulary


@dataclass(frozen=True)
class DecodingModel:
    """The parts of a loaded model that decoding needs.

    Attributes:
        model: The base model, in evaluation mode.
        vocabulary: The tokenizer of the base, behind a lock of its own.
        head: The model's head.
        mixture: The adapters.
        ends: Tokens that end an answer.
        lock: Held while the model works; free while tokens are chosen and become text.
    """

    model: PreTrainedModel
    vocabulary: Vocabulary
    head: Head
    mixture: Mixture
    ends: frozenset[int]
    lock: Lock


class Decoding(Iterator[Step]):
    """Continues prompts, one row each; every iteration is one step of all rows that still run.

    Prompts of different lengths are padded on the left, and padding is masked, so that a row gets
    the answer that it would get alone. A row that has ended costs nothing more.

    Args:
        parts: The model.
        prompts: Token ids of each row's prompt.
        policies: Each row's policy.
        new_tokens: The most tokens of an answer, at least 1.
        sampling: How tokens are chosen. Every row draws with the same seed.
        stop: Texts that end an answer.
    """

    def __init__(
        self,
        parts: DecodingModel,
        prompts: Sequence[Sequence[int]],
        policies: Sequence[Policy],
        new_tokens: int,
        sampling: Sampling,
        stop: tuple[str, ...],
    ) -> None:
        self._parts = parts
        self._policies = list(policies)
        self._new_tokens = new_tokens
        self._sampling = sampling
        self._recorders = [recorder_of(policy, parts.mixture.layers) for policy in policies]
        self._texts = [AnswerText(parts.vocabulary, stop) for _ in prompts]
        self._generators = [torch.Generator().manual_seed(sampling.seed) for _ in prompts]
        self._steps = self._run([list(prompt) for prompt in prompts])

    def __next__(self) -> Step:
        return next(self._steps)

    def close(self) -> None:
        """Ends the decoding; nothing of it is left in the model."""
        self._steps.close()

    def policy_weights(self) -> tuple[PolicyWeights, ...]:
        """The weights that each row had so far, over all tokens of prompt and answer."""
        found = []
        for policy, recorder in zip(self._policies, self._recorders, strict=True):
            if recorder is not None:
                found.append(recorder.result())
            else:
                assert isinstance(policy, ConstantWeights)
                found.append(constant_weights(policy))
        return tuple(found)

    def _run(self, prompts: list[list[int]]) -> Generator[Step, None, None]:
        parts = self._parts
        device = parts.model.device
        alive = list(range(len(prompts)))
        ids_RT, padding = _padded(prompts, device)
        applied = self._applied(alive)
        cache = DynamicCache(config=parts.model.config)
        for index in range(self._new_tokens):
            with torch.inference_mode():
                # The rest touches this decoding alone, and others may run the model meanwhile.
                with parts.lock:
                    logits_RV = self._forward(ids_RT, padding, cache, applied)
                tokens = self._choose(logits_RV, alive, last=index == self._new_tokens - 1)
                going = [place for place, token in enumerate(tokens) if token.end is None]
                if going and len(going) < len(alive):
                    cache.batch_select_indices(torch.tensor(going, device=device))
                    applied = self._applied([alive[place] for place in going])
                    padding = padding.select(going) if padding else None
            yield Step(index, tuple(tokens))
            if not going:
                return
            alive = [alive[place] for place in going]
            ids_RT = torch.tensor([[tokens[place].id] for place in going], device=device)
            padding = padding.advanced() if padding else None

    def _applied(self, rows: Sequence[int]) -> AppliedRows:
        return self._parts.mixture.rows_of(
            [self._policies[row] for row in rows], [self._recorders[row] for row in rows]
        )

    def _forward(
        self, ids_RT: Tensor, padding: _Padding | None, cache: Cache, applied: AppliedRows
    ) -> Tensor:
        """One pass; the logits after each row's last token, `[rows, vocabulary]`."""
        parts = self._parts
        read_RT = padding.mask_RT[:, -ids_RT.shape[1] :].bool() if padding else None
        masked = (
            {"attention_mask": padding.mask_RT, "position_ids": padding.position_RT}
            if padding
            else {}
        )
        with applied.on(read_RT):
            output = parts.model.base_model(input_ids=ids_RT, cache=cache, use_cache=True, **masked)
        return parts.head.output(output.last_hidden_state[:, -1])

    def _choose(self, logits_RV: Tensor, alive: Sequence[int], *, last: bool) -> list[Token]:
        generators = [self._generators[row] for row in alive]
        tokens = []
        chosen = choose(logits_RV, self._sampling, generators)
        for row, (id_, probability) in zip(alive, chosen, strict=True):
            ends = id_ in self._parts.ends
            delta, stopped = self._texts[row].push(id_, last or ends)
            end: End | None = "length" if last else None
            if stopped:
                end = "stop string"
            elif ends:
                end = "end token"
            text = self._parts.vocabulary.token(id_)
            tokens.append(Token(row, id_, text, delta, probability, end))
        return tokens


@dataclass(frozen=True)
class _Padding:
    """The padding of prompts of different lengths.

    Attributes:
        mask_RT: 1 for each token of a row's text so far, 0 for padding.
        position_RT: Position of each token of the next pass in its row's text.
    """

    mask_RT: Tensor
    position_RT: Tensor

    def select(self, rows: list[int]) -> _Padding:
        """The padding of some rows."""
        return _Padding(self.mask_RT[rows], self.position_RT[rows])

    def advanced(self) -> _Padding:
        """The padding one token later."""
        one_R1 = self.mask_RT.new_ones(len(self.mask_RT), 1)
        return _Padding(torch.cat([self.mask_RT, one_R1], dim=1), self.position_RT[:, -1:] + 1)


def _padded(prompts: list[list[int]], device: torch.device) -> tuple[Tensor, _Padding | None]:
    """Prompts as `[rows, tokens]`, and their padding; None where all have the same length."""
    width = max(map(len, prompts))
    ids_RT = torch.tensor([[0] * (width - len(ids)) + ids for ids in prompts], device=device)
    if all(len(ids) == width for ids in prompts):
        return ids_RT, None
    mask = [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts]
    mask_RT = torch.tensor(mask, device=device)
    return ids_RT, _Padding(mask_RT, (mask_RT.cumsum(dim=1) - 1).clamp(min=0))
