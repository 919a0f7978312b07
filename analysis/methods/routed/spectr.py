"""SpectR (arXiv 2504.03454): each token is routed by the size of each adapter's whole change.

In every module, an adapter's score is `‖ΔW x‖`: Arrow with the whole ΔW in place of its main
direction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ModuleInput, WeightRule
from analysis.methods import About, Method
from analysis.methods.routed._shares import top_softmax

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.changes.map_norms import MapNorms
    from analysis.measure.context import Context

_TOP = 3


@dataclass(frozen=True, eq=False)
class SpectrRule(WeightRule):
    """SpectR's weights for every token and module.

    Attributes:
        names: Names of the adapters.
        change_norms: Computes `‖ΔW x‖` of the adapters.
        top: How many adapters get a weight above 0 in each module.
    """

    names: tuple[str, ...]
    change_norms: MapNorms = field(repr=False)
    top: int = _TOP

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that the rule weighs."""
        return self.names

    def weights(self, at: ModuleInput) -> Tensor:
        """The weights at one module, `[rows, tokens, adapters]`."""
        scores_RTK = self.change_norms.norms(
            at.module, at.input_RTI, self.names, absent=float("-inf"), own_NO=at.own_RTO
        )
        return top_softmax(scores_RTK, self.top)


def _policy(context: Context, adapter: str) -> SpectrRule:
    # One object for all queries: rows with the same rule are computed together.
    return context.derived(
        ("spectr", context.adapters), lambda: SpectrRule(context.adapters, context.change_norms())
    )


METHOD = Method(
    "spectr",
    "SpectR",
    "Token by token and module by module, the adapters that change the module's output most.",
    _policy,
    about=About(
        paper="SpectR, Fleshman and Van Durme (arXiv 2504.03454)",
        paradigm="From the states: a softmax over the three largest ‖ΔW x‖, the size of an "
        "adapter's change of the module's output.",
        granularity="Token and module.",
        needs="nothing",
        cost="A small matrix for each adapter and module once, then its product with the input for "
        "each token.",
        traps="A strong adapter wins everywhere, relevant or not. The softmax has temperature 1, "
        "so that it is almost uniform where changes are small and almost hard where they are "
        "large. Three adapters count, as for Arrow; the paper's number was not at hand.",
    ),
    order=62,
)
