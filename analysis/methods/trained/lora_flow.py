"""LoRA-Flow (arXiv 2402.11455): learnt gates weigh the adapters at each token and layer.

`w = softmax(W x / T) + b`, with x the block's input before its norm; the weights are the same for
all linears of the block. W begins at zero, and b so that only task adapters act.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ModuleInput, WeightRule
from analysis.learning.fit import Fit, FitContext, TrainingExample
from analysis.methods import About, Method, learnt
from analysis.methods.trained._examples import NEEDS, ONE_FIT, at_unit_size

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.context import Context

EPOCHS, RATE, WARMUP = 5, 1e-3, 0.2


@dataclass(frozen=True, eq=False)
class FlowRule(WeightRule):
    """LoRA-Flow's weights for every token and layer.

    Attributes:
        names: Names of the adapters.
        gate_LKD: W of each layer, `[layers, adapters, width]`.
        bias_LK: b of each layer, `[layers, adapters]`.
    """

    names: tuple[str, ...]
    gate_LKD: Tensor = field(repr=False)
    bias_LK: Tensor = field(repr=False)

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that the rule weighs."""
        return self.names

    def weights(self, at: ModuleInput) -> Tensor:
        """The weights at one module, `[rows, tokens, adapters]`."""
        import torch

        gate_KD, bias_K = self.gate_LKD[at.layer], self.bias_LK[at.layer]
        precision = torch.promote_types(at.block_input_RTD.dtype, gate_KD.dtype)
        # T is the size of x: residual streams grow with depth, and a gate would soon see nothing
        # but its largest product.
        x_RTD = at_unit_size(at.block_input_RTD.to(precision))
        weights_RTK: Tensor = (x_RTD @ gate_KD.to(x_RTD).T).softmax(dim=-1) + bias_K.to(x_RTD)
        return weights_RTK


def first_bias(kinds: Sequence[str]) -> list[float]:
    """The first b of a layer: with equal gates, the task adapters share a weight of 1.

    For a language and a task that is the paper's [−0.5, 0.5]. Adapters of another kind count as
    tasks; where all are of one kind, b is 0.

    Args:
        kinds: Of each adapter.
    """
    tasks = sum(kind != "language" for kind in kinds)
    if tasks in (0, len(kinds)):
        return [0.0] * len(kinds)
    return [(kind != "language") / tasks - 1 / len(kinds) for kind in kinds]


def _learn(context: FitContext) -> dict[str, Tensor]:
    import torch

    from analysis.learning.descent import LOSSES, Schedule, descend

    layers, count = context.engine.layers, len(context.adapters)
    width = len(context.engine.representation(context.examples[0].prompt))
    start = {
        "gate": torch.zeros(layers, count, width),
        "bias": torch.tensor(first_bias(context.kinds)).expand(layers, -1).clone(),
    }

    def policies(
        parameters: Mapping[str, Tensor], examples: Sequence[TrainingExample]
    ) -> list[FlowRule]:
        rule = FlowRule(context.adapters, parameters["gate"], parameters["bias"])
        return [rule] * len(examples)

    found = descend(context, start, policies, Schedule(EPOCHS, RATE, WARMUP))
    own = {}
    for index, name in enumerate(context.adapters):
        own[f"gate.{name}"] = found["gate"][:, index].half()
        own[f"bias.{name}"] = found["bias"][:, index]
    return own | {LOSSES: found[LOSSES]}


FIT = Fit("lora-flow", "examples", _learn)


def _policy(context: Context, adapter: str) -> FlowRule:
    gates = learnt(context, FIT, "gate", METHOD.name)
    biases = learnt(context, FIT, "bias", METHOD.name)

    def make() -> FlowRule:
        import torch

        return FlowRule(
            context.adapters,
            torch.stack(list(gates.values()), dim=1).float(),
            torch.stack(list(biases.values()), dim=1).float(),
        )

    # The same object for all questions, whose rows are then computed together.
    return context.derived(("lora-flow", context.adapters), make)


METHOD = Method(
    "lora-flow",
    "LoRA-Flow",
    "Token by token and layer by layer, learnt gates weigh the adapters.",
    _policy,
    about=About(
        paper="LoRA-Flow, Wang et al. (arXiv 2402.11455)",
        paradigm="By training: softmax(W x / T) + b, from the loss of right answers.",
        granularity="Token and layer; the same for all modules of a layer.",
        needs=NEEDS.format(name="lora-flow"),
        cost="A small product for each token and module; a training of many minutes once.",
        traps="The paper trains on 200 composite questions for each pair. Here T is the size of x "
        "(its root mean square), because residual streams grow with depth; and with more adapters "
        "than a pair, b begins so that all task adapters share a weight of 1. " + ONE_FIT,
    ),
    order=320,
    fit=FIT,
)
