"""PHATGOOSE (arXiv 2402.05859): a gate for each adapter and module scores each token.

A gate is a vector v, trained after its adapter: with all else frozen, the adapter's change of a
module is multiplied by `sigmoid(v · x)`. An answer weighs the two adapters with the largest
`v · x / √n` by a softmax, where x and v have mean 0 and variance 1, and n numbers each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ModuleInput, WeightRule
from analysis.learning.fit import Fit, FitContext, TrainingExample
from analysis.methods import About, Method, learnt
from analysis.methods.routed._shares import top_softmax
from analysis.methods.trained._examples import LEAST

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.context import Context
    from analysis.models.adapters import Factor

TOP = 2
EPOCHS, RATE, WARMUP = 2, 5e-3, 0.2


@dataclass(frozen=True, eq=False)
class GateRule(WeightRule):
    """PHATGOOSE's weights for every token and module.

    Attributes:
        names: Names of the adapters.
        gates: For each module the gate of each adapter that covers it, `[inputs]` at mean 0 and
            variance 1, by the adapter's place among the names.
    """

    names: tuple[str, ...]
    gates: Mapping[str, Mapping[int, Tensor]] = field(repr=False)

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that the rule weighs."""
        return self.names

    def weights(self, at: ModuleInput) -> Tensor:
        """The weights at one module, `[rows, tokens, adapters]`."""
        import torch

        gates = self.gates[at.module]
        x_RTI = standardised(at.input_RTI)
        gate_kI = torch.stack(list(gates.values())).to(x_RTI)
        shape = (*x_RTI.shape[:2], len(self.names))
        scores_RTK = x_RTI.new_full(shape, float("-inf"))
        scores_RTK[..., list(gates)] = x_RTI @ gate_kI.T / x_RTI.shape[-1] ** 0.5
        return top_softmax(scores_RTK, TOP)


@dataclass(frozen=True, eq=False)
class OwnGateRule(WeightRule):
    """An adapter alone, its change multiplied by its gate: what the gates are trained in.

    Attributes:
        adapter: Name of the adapter.
        gates: The gate of each module, `[inputs]`.
    """

    adapter: str
    gates: Mapping[str, Tensor] = field(repr=False)

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that the rule weighs."""
        return (self.adapter,)

    def weights(self, at: ModuleInput) -> Tensor:
        """The weights at one module, `[rows, tokens, 1]`."""
        x_RTI = standardised(at.input_RTI)
        scores_RT1: Tensor = x_RTI @ self.gates[at.module].to(x_RTI).unsqueeze(1)
        return scores_RT1.sigmoid()


def standardised(vectors: Tensor) -> Tensor:
    """Vectors at mean 0 and variance 1, at least in float32; a constant vector becomes 0.

    Args:
        vectors: `[…, inputs]`.
    """
    import torch

    precise = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
    centred = precise - precise.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)
    return centred / (variance + LEAST).sqrt()


def by_module(gate_N: Tensor, factors: Mapping[str, Factor]) -> dict[str, Tensor]:
    """The gate of each module, from those of all modules in the order of their names.

    Args:
        gate_N: All gates of an adapter, one after the other.
        factors: The adapter's A and B by name of the module.
    """
    names = sorted(factors)
    parts = gate_N.split([factors[name].a_rI.shape[1] for name in names])
    return dict(zip(names, parts, strict=True))


def _learn(context: FitContext) -> dict[str, Tensor]:
    import torch

    from analysis.learning.descent import LOSSES, Schedule, descend

    factors = {name: context.engine.facts.factors(name) for name in context.adapters}

    def policies(
        parameters: Mapping[str, Tensor], examples: Sequence[TrainingExample]
    ) -> list[OwnGateRule]:
        # No gate has a part in another's loss, so all are trained side by side.
        own = {
            name: OwnGateRule(name, by_module(parameters[f"gate.{name}"], factors[name]))
            for name in {example.adapter for example in examples}
        }
        return [own[example.adapter] for example in examples]

    start = {
        f"gate.{name}": torch.zeros(sum(factor.a_rI.shape[1] for factor in own.values()))
        for name, own in factors.items()
    }
    found = descend(context, start, policies, Schedule(EPOCHS, RATE, WARMUP))
    return {name: found[name].half() for name in start} | {LOSSES: found[LOSSES]}


FIT = Fit("phatgoose", "own-examples", _learn)


def _policy(context: Context, adapter: str) -> GateRule:
    def make() -> GateRule:
        gates: dict[str, dict[int, Tensor]] = {}
        for place, (name, gate_N) in enumerate(own.items()):
            for module, gate_I in by_module(gate_N, context.factors(name)).items():
                gates.setdefault(module, {})[place] = standardised(gate_I)
        return GateRule(context.adapters, gates)

    own = learnt(context, FIT, "gate", METHOD.name)
    # One object for all queries: rows with the same rule are computed together.
    return context.derived(("phatgoose", context.adapters), make)


METHOD = Method(
    "phatgoose",
    "PHATGOOSE",
    "Token by token and module by module, the two adapters whose learnt gates fit the input best.",
    _policy,
    about=About(
        paper="PHATGOOSE, Muqeeth et al. (arXiv 2402.05859)",
        paradigm="By training: each adapter's gates learn from its own domain alone, and are then "
        "compared; a softmax over the two largest.",
        granularity="Token and module.",
        needs="Questions with answers of each adapter's own domain: `fit-method phatgoose`, with "
        "--tasks or --data for domains that no bundled text covers.",
        cost="A small product for each token and module; a training of many minutes once.",
        traps="A gate learns where its own adapter helps, and never sees another adapter or a "
        "question that needs two. Both weights add up to 1, relevant or not. The paper "
        "standardises x only in answers; here it does so in training too, because the size of x "
        "grows with depth.",
    ),
    order=325,
    fit=FIT,
)
