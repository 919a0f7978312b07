"""LoRAHub (arXiv 2307.13269): one weight for each adapter, found without gradients.

NGOpt of nevergrad with 40 trials in the box of ±1.5 from 0; the objective is the loss of the right
answers plus 0.05 times the mean of |w|.
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.common.progress import time_left
from analysis.inference.mixing.policies import ConstantWeights
from analysis.learning.fit import Fit, FitContext
from analysis.methods import About, Method, learnt
from analysis.methods.trained._examples import NEEDS, ONE_FIT

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.context import Context

TRIALS = 40
BOX = 1.5
PENALTY = 0.05


def objective(context: FitContext, weights_K: Tensor) -> float:
    """The loss of the examples at some weights, with the penalty."""
    weights_LK = weights_K.double().expand(context.engine.layers, -1)
    loss = context.mean_loss(ConstantWeights(context.adapters, weights_LK))
    return loss + PENALTY * float(weights_K.abs().mean())


def _learn(context: FitContext) -> dict[str, Tensor]:
    import torch

    try:
        import nevergrad
    except ImportError as error:
        raise InputError(
            "LoRAHub is fitted with nevergrad, which is not installed: `pip install nevergrad`."
        ) from error
    count = len(context.adapters)
    box = nevergrad.p.Array(init=[0.0] * count, lower=-BOX, upper=BOX)
    box.random_state.seed(context.seed)
    optimizer = nevergrad.optimizers.NGOpt(parametrization=box, budget=TRIALS)
    kept = context.work.read().get("losses")
    values = [] if kept is None else kept.tolist()
    began, first = time.monotonic(), len(values)
    for trial in range(TRIALS):
        candidate = optimizer.ask()
        if trial == len(values):
            rest = time_left(time.monotonic() - began, trial - first, TRIALS - first)
            context.progress(f"trial {trial + 1} of {TRIALS}{rest}", trial / TRIALS)
            values.append(objective(context, torch.as_tensor(candidate.value)))
            context.work.write({"losses": torch.tensor(values, dtype=torch.float64)})
        # The trials of an interrupted run are told again: with the same seed they are the same.
        optimizer.tell(candidate, values[trial])
    best_K = torch.as_tensor(optimizer.provide_recommendation().value, dtype=torch.float64)
    # A thread of the optimiser ends when it is freed; until then the command would not end either.
    del optimizer, candidate
    gc.collect()
    weights = {f"weights.{name}": best_K[index] for index, name in enumerate(context.adapters)}
    return weights | {"losses": torch.tensor(values, dtype=torch.float64)}


FIT = Fit("lorahub", "examples", _learn)


def _policy(context: Context, adapter: str) -> ConstantWeights:
    import torch

    weights = learnt(context, FIT, "weights", METHOD.name)
    weights_K = torch.stack(list(weights.values())).double()
    return ConstantWeights(context.adapters, weights_K.expand(context.layers, -1).clone())


METHOD = Method(
    "lorahub",
    "LoRAHub",
    "One weight for each adapter, found by 40 trials on questions with right answers.",
    _policy,
    about=About(
        paper="LoRAHub, Huang et al. (arXiv 2307.13269)",
        paradigm="By training without gradients: nevergrad's NGOpt lowers the loss of right "
        "answers plus 0.05 · mean |w|, within ±1.5.",
        granularity="One weight for all queries, layers and tokens.",
        needs=NEEDS.format(name="lorahub"),
        cost="None for an answer; 40 passes over the examples once.",
        traps="The paper mixes A and B each with the weights, (Σ w A)(Σ w B), which adds products "
        "of different adapters; here w weighs ΔW. " + ONE_FIT,
    ),
    order=300,
    fit=FIT,
)
