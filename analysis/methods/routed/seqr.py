"""SEQR (arXiv 2509.18093): SpectR's score, calibrated for each adapter; the best one alone acts.

In every module, an adapter's score is `(‖ΔW x‖ − μ) / σ`, with μ and σ the mean and the standard
deviation of `‖ΔW x‖` over neutral texts. `‖ΔW x‖ = ‖B A x‖ = ‖R A x‖` with `B = Q R`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ModuleInput, WeightRule
from analysis.methods import About, Method
from analysis.methods.routed._shares import TIE, largest_alone

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.changes.map_norms import MapNorms
    from analysis.measure.changes.neutral import NeutralChanges
    from analysis.measure.context import Context

_LEAST_DEVIATION = 1e-6
"""A deviation counts as at least this part of its mean, so that scores stay finite."""


@dataclass(frozen=True, eq=False)
class SeqrRule(WeightRule):
    """SEQR's weights for every token and module.

    Attributes:
        change_norms: Computes `‖ΔW x‖` of the adapters.
        neutral: Mean and deviation of `‖ΔW x‖` in each module.
    """

    change_norms: MapNorms = field(repr=False)
    neutral: NeutralChanges = field(repr=False)

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that the rule weighs."""
        return self.neutral.adapters

    def weights(self, at: ModuleInput) -> Tensor:
        """The weights at one module, `[rows, tokens, adapters]`."""
        norms_RTK = self.change_norms.norms(
            at.module, at.input_RTI, self.adapters, absent=float("-inf"), own_NO=at.own_RTO
        )
        mean_K = self.neutral.mean[at.module]
        deviation_K = self.neutral.deviation[at.module].maximum(_LEAST_DEVIATION * mean_K)
        scores_RTK = (norms_RTK - mean_K.to(norms_RTK)) / deviation_K.to(norms_RTK).clamp_min(1e-30)
        # Scores are differences from a mean: their round-off does not shrink with them.
        size_RT1 = scores_RTK.amax(dim=-1, keepdim=True).abs().clamp_min(1)
        return largest_alone(scores_RTK, TIE * size_RT1)


def _policy(context: Context, adapter: str) -> SeqrRule:
    # One object for all queries: rows with the same rule are computed together.
    return context.derived(
        ("seqr", context.adapters), lambda: SeqrRule(context.change_norms(), context.neutral())
    )


METHOD = Method(
    "seqr",
    "SEQR",
    "Token by token and module by module, the one adapter whose change is largest for its habits.",
    _policy,
    about=About(
        paper="SEQR, Fleshman and Van Durme (arXiv 2509.18093)",
        paradigm="From the states: the adapter with the largest z-score of ‖ΔW x‖ gets all the "
        "weight; mean and deviation come from neutral texts.",
        granularity="Token and module.",
        needs="nothing: the neutral queries are bundled",
        cost="One pass of the base for each of the neutral queries once, then a product of the "
        "input with a small matrix for each token.",
        traps="One adapter at a time acts in a module, so that a language and a task share only "
        "by turns, and tokens switch abruptly. Some adapter always wins, even where none is "
        "relevant. The neutral queries are English: for an adapter of another language every text "
        "in that language is unusual. The paper's adapters share one A; these do not need to.",
    ),
    order=64,
)
