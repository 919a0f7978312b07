"""Reading an adapter's tensors against a base: factors, and remarks on what is unusual."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import PreTrainedModel

from analysis.models.bases.layer_names import layer_number
from analysis.models.factors import Factor, RowScale
from analysis.models.peft_files.base_names import linear_sizes, matched
from analysis.models.peft_files.contents import Contents, ModuleTensors
from analysis.models.peft_files.faults import refusal, short
from analysis.models.peft_files.promises import promise_remarks
from analysis.models.peft_files.whole_tensors import BaseTensors, check_equal

_MOST_RANK = 1024
_MOST_LAYERS = 4096
# Of one module. Those of bases are below a thousand; where a change is a thousand times as large,
# nothing of the base is left in what a layer gives.
_MOST_NORM = 1e6


@dataclass(frozen=True)
class ReadAdapter:
    """An adapter's files, read against a base.

    Attributes:
        factors: A and B by name of the module in the base.
        remarks: Sentences on what people should know of it.
    """

    factors: Mapping[str, Factor]
    remarks: tuple[str, ...]


def read_adapter(contents: Contents, model: PreTrainedModel) -> ReadAdapter:
    """Reads an adapter's tensors against the base, which stays as it is.

    Raises:
        InputError: They do not fit the base, or are nothing that can be mixed.
    """
    names = matched(contents.adapter, contents.modules, model)
    linears = dict(model.named_modules())
    for name, tensors in contents.modules.items():
        _check_shape(contents.adapter, name, tensors, linears[names[name]])
    remarks = promise_remarks(contents, names, model)
    with _opened(contents) as file:
        _check_unused(contents, model, file)
        factors = {
            names[name]: _factor(contents, name, tensors, linears[names[name]], file)
            for name, tensors in contents.modules.items()
        }
    return ReadAdapter(factors, (*remarks, *_sign_remarks(contents), *_size_remarks(factors)))


def read_alone(contents: Contents) -> dict[str, Factor]:
    """The factors of a LoRA without its base, by the names in its file; none of a DoRA.

    Raises:
        InputError: A tensor is damaged, or not finite.
    """
    for name, tensors in contents.modules.items():
        _check_rank(contents.adapter, name, tensors, (tensors.inputs, tensors.outputs))
        if (layer_number(name) or 0) >= _MOST_LAYERS:
            raise refusal(
                contents.adapter,
                f"{short(name)[1:-1]} names layer {layer_number(name)}, and at most "
                f"{_MOST_LAYERS} layers are read: name the tensors as PEFT does.",
            )
    if contents.settings.dora:
        return {}
    with _opened(contents) as file:
        return {
            name: _factor(contents, name, tensors, None, file)
            for name, tensors in contents.modules.items()
        }


@contextmanager
def _opened(contents: Contents) -> Iterator[Any]:
    """The open file of the tensors; what is wrong with it is one line."""
    try:
        with safe_open(contents.path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise refusal(
            contents.adapter,
            f"{contents.path.name} is damaged or cut off ({short(str(error))}): fetch it again.",
        ) from error


def _check_shape(adapter: str, name: str, tensors: ModuleTensors, linear: nn.Module) -> None:
    sizes = linear_sizes(linear)
    assert sizes is not None
    place = short(name)[1:-1]
    for which, shape, has, size in (
        ("A", (tensors.rank, tensors.inputs), tensors.inputs, sizes[0]),
        ("B", (tensors.outputs, tensors.rank), tensors.outputs, sizes[1]),
    ):
        if has != size:
            raise refusal(
                adapter,
                f"the {which} of {place} has shape {shape}, and the base needs {size} there: it "
                "was made for another base model; give its own with --base.",
            )
    _check_rank(adapter, name, tensors, sizes)


def _check_rank(adapter: str, name: str, tensors: ModuleTensors, sizes: tuple[int, int]) -> None:
    place = short(name)[1:-1]
    most = max(_MOST_RANK, *sizes)
    if tensors.rank > most:
        raise refusal(
            adapter,
            f"{place} has rank {tensors.rank}, and at most {most} is read: extract a LoRA of a "
            "lower rank.",
        )


def _check_unused(contents: Contents, model: PreTrainedModel, file: Any) -> None:
    """Refuses tensors beside A and B that would change something."""
    base = BaseTensors(model)
    for key, name in contents.whole.items():
        check_equal(contents.adapter, key, name, contents.headers[key], base, file)
    for key in contents.biases:
        if bool(file.get_tensor(key).any()):
            raise refusal(
                contents.adapter,
                f"lora_bias: it holds {short(key)}, and this mixture adds no bias of B. Retrain "
                "it without lora_bias.",
            )


def _factor(
    contents: Contents, name: str, tensors: ModuleTensors, linear: nn.Module | None, file: Any
) -> Factor:
    a_rI = _read(contents, tensors.a, file)
    b_Or = _read(contents, tensors.b, file) * tensors.scaling
    if tensors.magnitude is None or linear is None:
        factor = Factor(a_rI, b_Or)
    else:
        magnitude_O = _read(contents, tensors.magnitude, file).flatten()
        factor = dora_factor(a_rI, b_Or, magnitude_O, linear)
    size = factor.norm()
    if not size <= _MOST_NORM:  # NaN is not
        found = f"{size:.3g}" if math.isfinite(size) else "not finite"
        raise refusal(
            contents.adapter,
            f"‖ΔW‖ of {short(name)[1:-1]} is {found}, and at most {_MOST_NORM:,.0f} can be used: "
            f"its scaling is {tensors.scaling:.3g}; correct lora_alpha or alpha_pattern, or take "
            "an earlier checkpoint.",
        )
    return factor


def dora_factor(a_rI: Tensor, b_Or: Tensor, magnitude_O: Tensor, linear: nn.Module) -> Factor:
    """A DoRA as a factor: `ΔW x = c ⊙ (W x + B A x) − W x`, which is linear in x.

    `c = m / ‖W + B A‖` for each output (DoRA, arXiv 2402.09353, equation 5; as PEFT computes it).

    Args:
        a_rI: A.
        b_Or: B, with its scaling.
        magnitude_O: m.
        linear: The base's module.
    """
    scale = RowScale.of(linear)
    weight_OI = scale.weight_OI()
    precise_OI = weight_OI.double() + b_Or.double() @ a_rI.double()
    factor_O = magnitude_O.double() / precise_OI.norm(dim=1)
    return Factor(a_rI, (factor_O.unsqueeze(1) * b_Or).to(b_Or.dtype), scale.by(factor_O - 1))


def _read(contents: Contents, key: str, file: Any) -> Tensor:
    tensor: Tensor = file.get_tensor(key)
    # In float32: scaled in half precision, B would be rounded. A copy: the tensor is a view of the
    # file, and a training that saves into it would change it under us, or end the process.
    dtype = torch.float64 if tensor.dtype == torch.float64 else torch.float32
    tensor = tensor.to(dtype, copy=True)
    if tuple(tensor.shape) != contents.headers[key].shape:
        raise refusal(contents.adapter, f"{contents.path.name} changed while it was read: again.")
    if not bool(torch.isfinite(tensor).all()):
        raise refusal(
            contents.adapter,
            f"{short(key)[1:-1]} holds NaN or infinity: its training went wrong; take an earlier "
            "checkpoint.",
        )
    return tensor


def _sign_remarks(contents: Contents) -> list[str]:
    below, count = sum(one.scaling < 0 for one in contents.modules.values()), len(contents.modules)
    if not below:
        return []
    return [f"In {below} of {count} modules alpha is negative: the opposite of what was trained."]


def _size_remarks(factors: Mapping[str, Factor]) -> list[str]:
    still = [name for name, factor in factors.items() if not factor.moves()]
    if len(still) == len(factors):
        return ["It does nothing: in every module A or B is zero, or alpha is."]
    if still:
        return [f"In {len(still)} of {len(factors)} modules it does nothing: A or B is zero there."]
    return []
