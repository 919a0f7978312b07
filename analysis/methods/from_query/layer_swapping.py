"""Layer swapping (arXiv 2410.01335): the language in the outer layers, the task in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import About, Method, Unavailable

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.context import Context
    from analysis.models.collection import Kind

LOWER = 0.2
"""Where the lower layers of the language end, as a part of the depth."""
UPPER = 0.8
"""Where its upper layers begin."""
TRANSITION = 0.1
"""The depth over which the weights pass from language to task, inside of both borders."""


def task_share(layers: int) -> Tensor:
    """The weight of the tasks, all together, in each layer: `[layers]` in float64.

    A layer's depth is that of its middle: `(layer + 0.5) / layers`. The share rises linearly from 0
    at `LOWER` to 1 after `TRANSITION`, and falls alike before `UPPER`.
    """
    import torch

    depth_L = (torch.arange(layers, dtype=torch.float64) + 0.5) / layers
    inside_L = torch.minimum(depth_L - LOWER, UPPER - depth_L)
    return (inside_L / TRANSITION).clamp(0, 1)


def table(kinds: tuple[Kind, ...], layers: int) -> Tensor:
    """The weights of adapters of some kinds, `[layers, adapters]` in float64.

    Args:
        kinds: Each adapter's kind; a language and a task are among them.
        layers: Number of layers.
    """
    import torch

    task_L = task_share(layers)
    weights_LK = torch.zeros(layers, len(kinds), dtype=torch.float64)
    for kind, share_L in (("language", 1 - task_L), ("task", task_L)):
        for place in (place for place, own in enumerate(kinds) if own == kind):
            weights_LK[:, place] = share_L / kinds.count(kind)
    return weights_LK


def _policy(context: Context, adapter: str) -> ConstantWeights:
    kinds = context.kinds()
    for kind in ("language", "task"):
        if kind not in kinds:
            raise Unavailable(
                f"Layer swapping needs a language and a task, and none of "
                f"{', '.join(context.adapters)} is a {kind}: choose one, or name its kind in the "
                "collection's manifest."
            )
    return ConstantWeights(context.adapters, table(kinds, context.layers))


METHOD = Method(
    "layer-swapping",
    "Layer swapping",
    "The language in the lower and upper layers, the task in the middle, whatever the query.",
    _policy,
    about=About(
        paper="Layer Swapping, Bandarkar et al. (arXiv 2410.01335)",
        paradigm="A fixed table: language adapters in the lower and upper fifth of the layers, "
        "task adapters in the middle, a linear transition between.",
        granularity="A layer; the same for all queries, modules and tokens.",
        needs="the kind of each adapter, which the collection's manifest names",
        cost="None.",
        traps="The paper knows the one language and the one task. With more of a kind, each gets "
        "an equal share of its kind's weight, relevant or not: choose the pair for a fair "
        "comparison. Adapters of no kind get 0. The paper swaps layers of fully trained models "
        "and chooses its borders on development data; the borders here are fixed parts of the "
        "depth and not tuned.",
    ),
    order=54,
)
