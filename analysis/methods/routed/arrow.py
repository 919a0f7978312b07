"""Arrow (arXiv 2405.11157): each token is routed by the main direction of each adapter.

In every module, an adapter's score is `|v · x|`, with v the top right singular vector of its ΔW.
The three largest scores become weights by a softmax; all other adapters get 0. The scores need no
data and no training, but they grow with the module's input and are not comparable between adapters
whose inputs align with v for reasons other than relevance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ModuleInput, WeightRule
from analysis.methods import About, Method

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.context import Context
    from analysis.models.adapters import Factor

_TOP = 3


@dataclass(frozen=True, eq=False)
class ArrowRule(WeightRule):
    """Arrow's weights for every token and module.

    Attributes:
        names: Names of the adapters.
        directions: For each module the adapters' directions, `[adapters, inputs]`, each of
            length 1; zeros for an adapter that does not change the module.
        top: How many adapters get a weight above 0 in each module.
    """

    names: tuple[str, ...]
    directions: Mapping[str, Tensor] = field(repr=False)
    top: int = _TOP

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that the rule weighs."""
        return self.names

    def weights(self, at: ModuleInput) -> Tensor:
        """The weights at one module, `[rows, tokens, adapters]`."""
        import torch

        # At least in the directions' precision: half precision would blur close scores.
        directions_KI = self.directions[at.module]
        precision = torch.promote_types(at.input_RTI.dtype, directions_KI.dtype)
        directions_KI = directions_KI.to(at.input_RTI.device, precision)
        scores_RTK = (at.input_RTI.to(precision) @ directions_KI.T).abs()
        changing_K = directions_KI.any(dim=1)
        scores_RTK = scores_RTK.masked_fill(~changing_K, -torch.inf)
        top = scores_RTK.topk(min(self.top, int(changing_K.sum())), dim=-1)
        weights_RTk = top.values.softmax(dim=-1)
        weights_RTK: Tensor = torch.zeros_like(scores_RTK).scatter(-1, top.indices, weights_RTk)
        return weights_RTK


def arrow_rule(directions: Mapping[str, Mapping[str, Tensor]]) -> ArrowRule:
    """The rule of some adapters.

    Args:
        directions: From `directions_of`, by name of the adapter.
    """
    import torch

    modules = sorted({module for own in directions.values() for module in own})
    stacked = {}
    for module in modules:
        nothing_I = next(
            torch.zeros_like(own[module]) for own in directions.values() if module in own
        )
        stacked[module] = torch.stack([own.get(module, nothing_I) for own in directions.values()])
    return ArrowRule(tuple(directions), stacked)


def directions_of(factors: Mapping[str, Factor]) -> Mapping[str, Tensor]:
    """The direction of one adapter in each of its modules, `[inputs]` by name of the module.

    In the adapter's precision, but for half precision, which would blur close scores.

    Args:
        factors: A and B by name of the module.
    """
    import torch

    directions = {}
    for module, factor in factors.items():
        precise = factor.a_rI.dtype == torch.float64
        directions[module] = _direction(factor).to(torch.float64 if precise else torch.float32)
    return directions


def _direction(factor: Factor) -> Tensor:
    """The top right singular vector of `ΔW = B A`, `[inputs]`, without forming ΔW.

    With `Aᵀ = Q R`, `ΔW = B Rᵀ Qᵀ`, and the vector is `Q u`, with u the top eigenvector of
    `R BᵀB Rᵀ`, a matrix as small as the rank.
    """
    import torch

    a_rI, b_Or = factor.a_rI.double(), factor.b_Or.double()
    if not bool(a_rI.any()) or not bool(b_Or.any()):
        return torch.zeros_like(a_rI[0])
    q_Ir, r_rr = torch.linalg.qr(a_rI.T)
    gram_rr = r_rr @ (b_Or.T @ b_Or) @ r_rr.T
    direction_I: Tensor = q_Ir @ torch.linalg.eigh(gram_rr).eigenvectors[:, -1]
    return direction_I


def _policy(context: Context, adapter: str) -> ArrowRule:
    return arrow_rule(
        {
            name: context.derived(("arrow", name), partial(directions_of, context.factors(name)))
            for name in context.adapters
        }
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
