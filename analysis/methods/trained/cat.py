"""CAT of LoRA Soups (arXiv 2410.13025): one learnt scalar for each layer and adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.learning.fit import Fit, FitContext, TrainingExample
from analysis.methods import About, Method, learnt
from analysis.methods.trained._examples import NEEDS, ONE_FIT

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.context import Context

EPOCHS, RATE = 4, 0.03


def _learn(context: FitContext) -> dict[str, Tensor]:
    import torch

    from analysis.learning.descent import LOSSES, Schedule, descend
    from analysis.learning.layer_weights import LayerWeights

    count = len(context.adapters)
    static_LK = torch.full((context.engine.layers, count), 1.0 / count, dtype=torch.float64)

    def policies(
        parameters: Mapping[str, Tensor], examples: Sequence[TrainingExample]
    ) -> list[LayerWeights]:
        return [LayerWeights(context.adapters, parameters["weights"])] * len(examples)

    found = descend(context, {"weights": static_LK}, policies, Schedule(EPOCHS, RATE, warmup=0.1))
    weights_LK = found["weights"]
    own = {f"weights.{name}": weights_LK[:, index] for index, name in enumerate(context.adapters)}
    return own | {LOSSES: found[LOSSES]}


FIT = Fit("cat", "examples", _learn)


def _policy(context: Context, adapter: str) -> ConstantWeights:
    import torch

    weights = learnt(context, FIT, "weights", METHOD.name)
    return ConstantWeights(context.adapters, torch.stack(list(weights.values()), dim=1).double())


METHOD = Method(
    "cat",
    "CAT",
    "One learnt weight for each layer and adapter, the same for every query.",
    _policy,
    about=About(
        paper="LoRA Soups, Prabhakar et al. (arXiv 2410.13025)",
        paradigm="By training: gradients of the loss of right answers.",
        granularity="A layer; the same for all queries, tokens and modules.",
        needs=NEEDS.format(name="cat"),
        cost="None for an answer; a training of a few minutes once.",
        traps=f"Starts at 1/k, Adam at {RATE:g} for {EPOCHS} epochs: a choice of ours. Weights may "
        "be negative and need not sum to 1. " + ONE_FIT,
    ),
    order=310,
    fit=FIT,
)
