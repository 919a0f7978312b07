"""Ways to get the divergences of one prompt, and to decode, from the plain one to ours.

Each way of getting the divergences is a function without arguments that gives `[layers, adapters]`,
so that one run can time them in turn and check that they agree.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from analysis.adapters import load_adapter
from analysis.collection import AdapterEntry
from analysis.decoding import Sampling
from analysis.divergence import measure
from analysis.lens import Head
from analysis.metrics import kl
from analysis.prompt import Prompt
from analysis.runner import Runner
from analysis.trace import Trace
from analysis.weights import normalise

MODULES = "all-linear"


def make_adapters(
    model: PreTrainedModel, folder: Path, count: int, rank: int
) -> list[AdapterEntry]:
    """Writes adapters with random weights, on all linears, about as strong as trained ones."""
    entries = []
    for index in range(count):
        torch.manual_seed(index)
        config = LoraConfig(r=rank, lora_alpha=rank, target_modules=MODULES, init_lora_weights=True)
        peft_model = get_peft_model(model, config)
        for name, value in peft_model.named_parameters():
            if "lora_B" in name:
                value.data.normal_(std=0.02 / rank**0.5)
        name = f"adapter-{index}"
        peft_model.save_pretrained(str(folder / name))
        peft_model.unload()
        entries.append(AdapterEntry(name, name, "other", folder / name))
    if hasattr(model, "peft_config"):
        del model.peft_config
    model.requires_grad_(False)
    return entries


class Ways:
    """Every way, over one prompt of random tokens.

    Args:
        load: Loads the base model; called twice, since PEFT changes the modules of its own.
        tokenizer: The base's tokenizer.
        adapters: How many adapters.
        rank: Their rank.
        tokens: Tokens of the prompt.
    """

    def __init__(
        self,
        load: Callable[[], PreTrainedModel],
        tokenizer: PreTrainedTokenizerBase,
        adapters: int,
        rank: int,
        tokens: int,
    ) -> None:
        self.model = load()
        peft_base = load()
        with tempfile.TemporaryDirectory() as folder:
            entries = make_adapters(self.model, Path(folder), adapters, rank)
            self.names = [entry.name for entry in entries]
            self._loaded = [load_adapter(self.model, entry) for entry in entries]
            self.peft = PeftModel.from_pretrained(
                peft_base, str(entries[0].folder), adapter_name=entries[0].name
            )
            for entry in entries[1:]:
                self.peft.load_adapter(str(entry.folder), adapter_name=entry.name)
        self.peft.eval()
        self._tokenizer = tokenizer
        self.runner = Runner(self.model, tokenizer, self._loaded)
        self.head = Head.of(self.model)
        generator = torch.Generator().manual_seed(0)
        vocabulary = int(self.model.config.get_text_config().vocab_size)
        ids = torch.randint(3, vocabulary, (tokens,), generator=generator).tolist()
        none = (False,) * tokens
        self.prompt = Prompt("", tuple(ids), ("",) * tokens, none, 0, tokens - 1, "plain")
        self.ids_1T = torch.tensor([ids])

    def ours(self) -> Tensor:
        """One batch, each row paying for its own adapter; the stable KL on the last token."""
        places = [self.prompt.query_last, self.prompt.last]
        hidden_RLPD = self.runner.hidden(self.prompt.ids, self.names, places)
        trace = Trace(self.prompt, tuple(self.names), hidden_RLPD, 0.0)
        values_LK = measure(trace, self.runner.head)[0].values_LK
        normalise(values_LK)
        return values_LK

    def to_bfloat16(self) -> None:
        """Turns our base and adapters into bfloat16, for good."""
        self.model.bfloat16()
        self.runner = Runner(self.model, self._tokenizer, self._loaded)

    @torch.inference_mode()
    def floor(self) -> None:
        """What no exact way can do without: the base on k+1 rows, the head on their last tokens."""
        rows = 1 + len(self.names)
        self.model.base_model(input_ids=self.ids_1T.expand(rows, -1), use_cache=False)
        layers = self.runner.layers
        states_ND = torch.ones(rows * layers, self.head.weight_VD.shape[1])
        states_ND.to(self.head.weight_VD) @ self.head.weight_VD.T

    @torch.inference_mode()
    def naive(self) -> Tensor:
        """As the paper reads: a pass for each adapter, the head on every token of every layer."""
        base_LV = self._all_tokens(None)
        return self._textbook(base_LV, [self._all_tokens(name) for name in self.names])

    @torch.inference_mode()
    def sequential(self) -> Tensor:
        """PEFT, one adapter after the other, the head on the last token only."""
        base_LV = self._logits(self._peft_hidden(None))
        return self._textbook(
            base_LV, [self._logits(self._peft_hidden(name)) for name in self.names]
        )

    @torch.inference_mode()
    def peft_mixed(self) -> Tensor:
        """PEFT's mixed batch, the head on the last token only."""
        rows = ["__base__", *self.names]
        output = self.peft(
            input_ids=self.ids_1T.expand(len(rows), -1),
            adapter_names=rows,
            output_hidden_states=True,
            use_cache=False,
            logits_to_keep=1,
        )
        states_RLD = torch.stack([hidden[:, -1] for hidden in output.hidden_states[1:]], dim=1)
        logits_RLV = [self._logits(states_LD) for states_LD in states_RLD]
        return self._textbook(logits_RLV[0], logits_RLV[1:])

    def _peft_hidden(self, name: str | None) -> Tensor:
        return torch.stack([hidden_TD[-1] for hidden_TD in self._all_hidden(name)])

    def _all_hidden(self, name: str | None) -> Sequence[Tensor]:
        """Hidden states of all tokens after each block, `layers` times `[tokens, width]`."""
        arguments = {
            "input_ids": self.ids_1T,
            "output_hidden_states": True,
            "use_cache": False,
            "logits_to_keep": 1,
        }
        if name is None:
            with self.peft.disable_adapter():
                output = self.peft(**arguments)
        else:
            self.peft.set_adapter(name)
            output = self.peft(**arguments)
        return [hidden_1TD[0] for hidden_1TD in output.hidden_states[1:]]

    def _all_tokens(self, name: str | None) -> Tensor:
        last_LV = []
        hidden_LTD = self._all_hidden(name)
        for layer, hidden_TD in enumerate(hidden_LTD):
            normed_TD = hidden_TD if layer == len(hidden_LTD) - 1 else self.head.norm(hidden_TD)
            logits_TV = normed_TD @ self.head.weight_VD.T
            last_LV.append(logits_TV[-1].clone())
        return torch.stack(last_LV)

    def _logits(self, states_LD: Tensor) -> Tensor:
        # Hugging Face's last hidden state already went through the final norm.
        normed_LD = torch.cat([self.head.norm(states_LD[:-1]), states_LD[-1:]])
        return normed_LD @ self.head.weight_VD.T

    def _textbook(self, base_LV: Tensor, adapters_KLV: Sequence[Tensor]) -> Tensor:
        values_LK = torch.zeros(len(base_LV), len(adapters_KLV), dtype=torch.float64)
        for layer, base_V in enumerate(base_LV):
            shift_KV = torch.stack([logits_LV[layer] - base_V for logits_LV in adapters_KLV])
            values_LK[layer] = kl(base_V, shift_KV)
        return values_LK

    def decode_base(self, rows: int, tokens: int) -> list[Iterator[object]]:
        """The base on so many rows, the plainest loop there is."""
        return [_greedy(self.model, self.ids_1T.expand(rows, -1), tokens)]

    def decode_ours(self, rows: int, tokens: int) -> list[Iterator[object]]:
        """As many rows, each a mixture of all adapters."""
        generator = torch.Generator().manual_seed(1)
        shape = (rows, self.runner.layers, len(self.names))
        weights_RLK = torch.rand(shape, generator=generator)
        return [self.runner.decode(self.prompt.ids, weights_RLK, tokens, Sampling(), ())]

    def decode_peft(self, rows: int, tokens: int) -> list[Iterator[object]]:
        """One merged adapter for each row, one after the other."""
        return [self._one_fused(row, tokens) for row in range(rows)]

    def _one_fused(self, row: int, tokens: int) -> Iterator[object]:
        self.peft.set_adapter(f"fused-{row}")
        yield from _greedy(self.peft, self.ids_1T, tokens)

    def add_fused(self, rows: int) -> None:
        """Gives PEFT its merged adapters, which it needs before it can decode."""
        for row in range(rows):
            weights = [1.0 / (1 + row + index) for index in range(len(self.names))]
            self.peft.add_weighted_adapter(
                self.names, weights, f"fused-{row}", combination_type="cat"
            )


def _greedy(model: Any, ids_RT: Tensor, tokens: int) -> Iterator[object]:
    cache = DynamicCache(config=model.config)
    for _ in range(tokens):
        with torch.inference_mode():
            logits_RV = model(
                input_ids=ids_RT, past_key_values=cache, use_cache=True, logits_to_keep=1
            ).logits[:, -1]
            ids_RT = logits_RV.argmax(dim=-1, keepdim=True)
        yield None
