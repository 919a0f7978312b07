"""LAG (arXiv 2507.05346): Arrow makes a shortlist, SpectR's score chooses from it.

In every module, the adapters with the three largest `|v · x|` are the shortlist; the one of them
with the largest `‖ΔW x‖` acts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ModuleInput, WeightRule
from analysis.methods import About, Method
from analysis.methods.routed._shares import TIE, largest_alone, shortlist
from analysis.methods.routed.arrow import TOP, arrow_directions

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.changes.map_norms import MapNorms
    from analysis.measure.context import Context


@dataclass(frozen=True, eq=False)
class LagRule(WeightRule):
    """LAG's weights for every token and module.

    Attributes:
        names: Names of the adapters.
        directions: Computes `|v · x|` of the adapters.
        change_norms: Computes `‖ΔW x‖` of the adapters.
        top: How many adapters are on the shortlist.
    """

    names: tuple[str, ...]
    directions: MapNorms = field(repr=False)
    change_norms: MapNorms = field(repr=False)
    top: int = TOP

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that the rule weighs."""
        return self.names

    def weights(self, at: ModuleInput) -> Tensor:
        """The weights at one module, `[rows, tokens, adapters]`."""
        none = float("-inf")
        fits_RTK = self.directions.norms(at.module, at.input_RTI, self.names, absent=none)
        scores_RTK = self.change_norms.norms(
            at.module, at.input_RTI, self.names, absent=none, own_NO=at.own_RTO
        )
        scores_RTK = scores_RTK.where(shortlist(fits_RTK, self.top), none)
        return largest_alone(scores_RTK, TIE * scores_RTK.amax(dim=-1, keepdim=True))


def _policy(context: Context, adapter: str) -> LagRule:
    # One object for all queries: rows with the same rule are computed together.
    return context.derived(
        ("lag", context.adapters),
        lambda: LagRule(context.adapters, arrow_directions(context), context.change_norms()),
    )


METHOD = Method(
    "lag",
    "LAG",
    "Token by token and module by module, of Arrow's three the adapter with the largest change.",
    _policy,
    about=About(
        paper="LAG, Fleshman and Van Durme (arXiv 2507.05346)",
        paradigm="From the states: the adapters with the three largest |v · x| are a shortlist; "
        "the one of them with the largest ‖ΔW x‖ gets all the weight.",
        granularity="Token and module.",
        needs="nothing",
        cost="Arrow's product for each token, and SpectR's.",
        traps="A strong adapter wins wherever it is on the shortlist, and one adapter at a time "
        "acts in a module. The paper saves work in libraries of many adapters; here the norms of "
        "all adapters are computed. The shortlist is as long as Arrow's; the paper's length was "
        "not at hand.",
    ),
    order=66,
)
