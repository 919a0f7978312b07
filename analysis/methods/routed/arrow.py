"""Arrow (arXiv 2405.11157): each token is routed by the main direction of each adapter.

In every module, an adapter's score is `|v · x|`, with v the top right singular vector of its ΔW.
The three largest scores become weights by a softmax; all other adapters get 0. The scores need no
data and no training, but they grow with the module's input and are not comparable between adapters
whose inputs align with v for reasons other than relevance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ModuleInput, WeightRule
from analysis.methods import About, Method
from analysis.methods.routed._shares import top_softmax

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.changes.map_norms import MapNorms
    from analysis.measure.context import Context
    from analysis.models.adapters import Factor

TOP = 3


@dataclass(frozen=True, eq=False)
class ArrowRule(WeightRule):
    """Arrow's weights for every token and module.

    Attributes:
        names: Names of the adapters.
        directions: Computes `|v · x|` of the adapters, from `arrow_directions`.
        top: How many adapters get a weight above 0 in each module.
    """

    names: tuple[str, ...]
    directions: MapNorms = field(repr=False)
    top: int = TOP

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that the rule weighs."""
        return self.names

    def weights(self, at: ModuleInput) -> Tensor:
        """The weights at one module, `[rows, tokens, adapters]`."""
        scores_RTK = self.directions.norms(
            at.module, at.input_RTI, self.names, absent=float("-inf")
        )
        return top_softmax(scores_RTK, self.top)


def directions_of(factors: Mapping[str, Mapping[str, Factor]]) -> MapNorms:
    """Computes `|v · x|` of some adapters.

    Args:
        factors: For each adapter its A and B by name of the module.
    """
    from analysis.measure.changes.map_norms import direction_map, map_norms

    return map_norms(factors, direction_map)


def arrow_directions(context: Context) -> MapNorms:
    """Computes `|v · x|` of all loaded adapters; made once for each engine."""
    return context.derived(
        "arrow", lambda: directions_of({name: context.factors(name) for name in context.available})
    )


def _policy(context: Context, adapter: str) -> ArrowRule:
    return context.derived(
        ("arrow", context.adapters), lambda: ArrowRule(context.adapters, arrow_directions(context))
    )


METHOD = Method(
    "arrow",
    "Arrow",
    "Token by token and module by module, the adapters whose main direction fits the input best.",
    _policy,
    about=About(
        paper="Arrow, Ostapenko et al. (arXiv 2405.11157)",
        paradigm="From the states: a softmax over the three largest |v · x|, where v is the main "
        "direction of an adapter's change.",
        granularity="Token and module.",
        needs="nothing",
        cost="A singular vector for each adapter and module once, then a product for each token.",
        traps="The score ignores an adapter's size and grows with the input: two adapters with "
        "the same direction look alike.",
    ),
    order=60,
)
