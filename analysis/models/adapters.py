"""Reading adapters, and refusing those that cannot be mixed.

An adapter is checked as data before PEFT sees it: the configuration against settings that are
harmless and mixable, the tensors against the base model. PEFT then resolves ranks, scalings and
module names, exactly as it would to run the adapter.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.models.adapter_checks import check_files, check_tensors
from analysis.models.collection import AdapterEntry

# PEFT makes its adapter's name an attribute of modules, which `half` and `v1.0` cannot be.
_INJECTED = "default"


@dataclass(frozen=True)
class Factor:
    """The change of one linear module by an adapter: `ΔW x = B (A x)`.

    Attributes:
        a_rI: `[rank, inputs]`.
        b_Or: `[outputs, rank]`, PEFT's scaling already in it.
    """

    a_rI: Tensor
    b_Or: Tensor


@dataclass(frozen=True)
class Adapter:
    """An adapter that fits the base.

    Attributes:
        entry: Its place in the collection.
        factors: Module name in the base → factor.
    """

    entry: AdapterEntry
    factors: Mapping[str, Factor]

    @property
    def name(self) -> str:
        """The adapter's name."""
        return self.entry.name


def load_adapter(model: PreTrainedModel, entry: AdapterEntry) -> Adapter:
    """Reads one adapter and resolves it against the base; the base stays as it is.

    Raises:
        InputError: It is not there, damaged, unsafe, or nothing that can be mixed.
    """
    check_files(entry)
    shapes = check_tensors(entry, model)
    with _injected(model, entry) as layers:
        factors = {}
        for name, layer in layers.items():
            a_rI = layer.lora_A[_INJECTED].weight.detach()
            b_Or = layer.lora_B[_INJECTED].weight.detach()
            factors[name] = Factor(a_rI, b_Or * float(layer.scaling[_INJECTED]))
    lacking = {name for name, _ in shapes} ^ set(factors)
    if lacking or len(shapes) != 2 * len(factors):
        example = min(lacking, default=min(factors, default="none"))
        raise InputError(
            f"Adapter {entry.name}: its configuration names other modules than its tensors "
            f"(for example {example}): save it again with PEFT's save_pretrained."
        )
    return Adapter(entry, factors)


@contextmanager
def _injected(model: PreTrainedModel, entry: AdapterEntry) -> Iterator[dict[str, Any]]:
    """PEFT's LoRA layers of one adapter, by module name; taken out again at the end."""
    parameters = {name: value.requires_grad for name, value in model.named_parameters()}
    training = model.training
    try:
        with warnings.catch_warnings():
            # PEFT and transformers warn of each other's deprecations, which no user can mend, and
            # of keys that do not match, which `load_adapter` refuses in its own words.
            warnings.simplefilter("ignore")
            PeftModel.from_pretrained(
                model,
                str(entry.folder),
                adapter_name=_INJECTED,
                autocast_adapter_dtype=False,
                low_cpu_mem_usage=True,
            )
        yield {
            name: module for name, module in model.named_modules() if isinstance(module, LoraLayer)
        }
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, InputError):
            raise
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"Adapter {entry.name}: PEFT cannot load it ({line}).") from error
    finally:
        # Not PEFT's unload: where PEFT fails half-way, there is nothing to call it on.
        for name, module in list(model.named_modules()):
            if isinstance(module, LoraLayer):
                parent, _, child = name.rpartition(".")
                setattr(model.get_submodule(parent), child, module.get_base_layer())
        if hasattr(model, "peft_config"):
            del model.peft_config
        for name, value in model.named_parameters():
            value.requires_grad_(parameters.get(name, False))
        model.train(training)


def delta_norm(factors: Iterable[Factor]) -> float:
    """`‖ΔW‖`, the Frobenius norm over the modules of an adapter, without forming any ΔW."""
    total = 0.0
    for factor in factors:
        gram_a = factor.a_rI.double() @ factor.a_rI.double().T
        gram_b = factor.b_Or.double().T @ factor.b_Or.double()
        total += float((gram_a * gram_b).sum())
    return math.sqrt(total)
