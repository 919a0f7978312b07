"""Other ways to the same divergences, and to fused answers: PEFT's, and the paper's.

Each way to the divergences gives `[layers, adapters]`, so that one run can time them in turn and
check that they agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedModel

from analysis.measure.metrics.kl import kl
from analysis.speed.ours import Ours, greedy

Hidden = list[tuple[Tensor, ...]]
"""For base and each adapter the states after each block, `layers` times `[tokens, width]`."""


class Ways:
    """Other ways, over the prompt and the adapters of ours.

    Args:
        peft: The base with the same adapters, from `made_up.as_peft`.
        ours: Whose prompt and head are used.
    """

    def __init__(self, peft: PeftModel, ours: Ours) -> None:
        self._peft = peft
        inner = peft.get_base_model()
        assert isinstance(inner, PreTrainedModel)
        # The base with PEFT's layers in it.
        self._inner = inner
        self._names = ours.names
        self._ids_1T = ours.ids_1T
        self._head = ours.head

    @torch.inference_mode()
    def separate(self, adapters: Sequence[str]) -> Hidden:
        """PEFT, a pass for the base, then one for each adapter; two ways begin with these."""
        with self._peft.disable_adapter():
            hidden = [self._hidden()]
        for name in adapters:
            self._peft.set_adapter(name)
            hidden.append(self._hidden())
        return hidden

    @torch.inference_mode()
    def last_token(self, hidden: Hidden) -> Tensor:
        """The separate passes' divergences, the head on the last token only."""
        return _textbook([self._last([one_TD[-1] for one_TD in layers]) for layers in hidden])

    @torch.inference_mode()
    def all_tokens(self, hidden: Hidden, layers: Sequence[int]) -> Tensor:
        """As the paper reads: the head on every token, of some layers."""
        return _textbook([self._read(row, layers) for row in hidden])

    @torch.inference_mode()
    def mixed(self) -> Tensor:
        """PEFT's mixed batch, the head on the last token only."""
        rows = ["__base__", *self._names]
        states = self._peft(
            input_ids=self._ids_1T.expand(len(rows), -1),
            adapter_names=rows,
            output_hidden_states=True,
            use_cache=False,
            logits_to_keep=1,
        ).hidden_states[1:]
        return _textbook(
            [self._last([one_RTD[row, -1] for one_RTD in states]) for row in range(len(rows))]
        )

    def _hidden(self) -> tuple[Tensor, ...]:
        output = self._peft(
            input_ids=self._ids_1T, output_hidden_states=True, use_cache=False, logits_to_keep=1
        )
        return tuple(hidden_1TD[0] for hidden_1TD in output.hidden_states[1:])

    def _last(self, states: Sequence[Tensor]) -> Tensor:
        """Logits of one token's states after each block, `[layers, vocabulary]`."""
        states_LD = torch.stack(list(states))
        # Hugging Face's last hidden state already went through the final norm.
        normed_LD = torch.cat([self._head.norm(states_LD[:-1]), states_LD[-1:]])
        return normed_LD.to(self._head.weight_VD) @ self._head.weight_VD.T

    def _read(self, hidden: Sequence[Tensor], layers: Sequence[int]) -> Tensor:
        """Logits of the last of some tokens, having computed those of all, `[layers, vocabulary]`.

        Layer by layer: all of them at once would not fit.
        """
        last_LV = []
        for layer in layers:
            final = layer == len(hidden) - 1
            normed_TD = hidden[layer] if final else self._head.norm(hidden[layer])
            last_LV.append(
                (normed_TD.to(self._head.weight_VD) @ self._head.weight_VD.T)[-1].clone()
            )
        return torch.stack(last_LV)

    def merge(self) -> None:
        """Gives PEFT a merged adapter and makes it the one that runs."""
        weights = [1.0 / (1 + index) for index in range(len(self._names))]
        self._peft.add_weighted_adapter(list(self._names), weights, "fused", combination_type="cat")
        self._peft.set_adapter("fused")

    def decode(self, tokens: int) -> Iterator[object]:
        """Continues one row by the merged adapter."""
        return greedy(self._inner, self._ids_1T, tokens)


def _textbook(logits_RLV: Sequence[Tensor]) -> Tensor:
    """The divergences of each row after the first from it, `[layers, adapters]`."""
    base_LV, adapters_KLV = logits_RLV[0], logits_RLV[1:]
    return torch.stack(
        [
            kl(base_V, torch.stack([logits_LV[layer] - base_V for logits_LV in adapters_KLV]))
            for layer, base_V in enumerate(base_LV)
        ]
    )
