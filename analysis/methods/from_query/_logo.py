"""LoGo (arXiv 2511.07129): each adapter by what it adds to the last layer's queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import Unavailable

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.context import Context

TOP = 20
"""How many adapters get a weight, as in the released code."""

_QUERY = ("q_proj", "qkv_proj", "query_key_value", "c_attn", "query", "Wqkv", "W_pack")
"""Names of the modules that give the queries of attention, alone or with keys and values."""
_ATTENTION = ("attn", "attention")


def logo_policy(context: Context, score: Callable[[Tensor], float]) -> ConstantWeights:
    """The weights of LoGo, the same in every layer.

    Args:
        context: The context.
        score: From `ΔW x`, `[outputs]` in float64, to the adapter's score.

    Raises:
        Unavailable: No adapter covers an attention module of the last layer.
    """
    import torch

    inputs = context.module_inputs("prompt")
    module = _module(context, inputs)
    scores = []
    for adapter in context.adapters:
        factor = context.factors(adapter).get(module)
        if factor is None:
            scores.append(0.0)
            continue
        x_I = inputs[module].to(factor.a_rI.device).double()
        a_rI, b_Or = factor.pair()
        scores.append(score(b_Or.double() @ (a_rI.double() @ x_I)))
    weights_K = shares(torch.tensor(scores, dtype=torch.float64))
    return ConstantWeights(context.adapters, weights_K.repeat(context.layers, 1))


def shares(scores_K: Tensor, top: int = TOP) -> Tensor:
    """Each score's share of the largest ones, `[adapters]` in float64; 1/k where all are 0.

    Args:
        scores_K: Scores, at least 0.
        top: How many count; all that tie with the last of them do, too.
    """
    from analysis.measure.normalisation import normalise

    last = scores_K.topk(min(top, len(scores_K))).values[-1]
    return normalise(scores_K.where(scores_K >= last, 0).unsqueeze(0))[0]


def _module(context: Context, run: Iterable[str]) -> str:
    """The last layer's query projection, or else its first attention module that is covered.

    Args:
        context: The context.
        run: Names of modules, in the order in which the model runs them.
    """
    from analysis.inference.mixing.sites import layer_of

    last = context.layers - 1
    covered = {module for adapter in context.adapters for module in context.factors(adapter)}
    found = [
        module
        for module in run
        if module in covered
        and layer_of(module, context.layers) == last
        and any(word in module for word in _ATTENTION)
    ]
    queries = [module for module in found if module.rpartition(".")[2] in _QUERY]
    if not found:
        raise Unavailable(
            f"LoGo reads an attention module of the last layer ({last}), and none of "
            f"{', '.join(context.adapters)} changes one there: choose adapters that do, or another "
            "method."
        )
    return (queries or found)[0]
