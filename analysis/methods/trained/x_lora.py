"""X-LoRA (arXiv 2402.07148), asked once for a question: a classifier of the base's states.

`w_l = softmax(C_l x + b_l)` in each layer l, with x the base's mean last-layer state over the
question's tokens, from a pass without adapters. C and b begin at zero: static fusion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.learning.fit import Fit, FitContext, TrainingExample
from analysis.methods import About, Method, learnt
from analysis.methods.trained._examples import NEEDS, ONE_FIT, at_unit_size

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.context import Context

EPOCHS, RATE, WARMUP = 3, 1e-3, 0.1


def scalings(state_D: Tensor, classifier_LKD: Tensor, bias_LK: Tensor) -> Tensor:
    """The weights of a question, `[layers, adapters]`, each layer's adding up to 1.

    Args:
        state_D: The base's mean state over the question's tokens.
        classifier_LKD: C of each layer.
        bias_LK: b of each layer.
    """
    x_D = at_unit_size(state_D).to(classifier_LKD)
    weights_LK: Tensor = (classifier_LKD @ x_D + bias_LK).softmax(dim=-1)
    return weights_LK


def _learn(context: FitContext) -> dict[str, Tensor]:
    import torch

    from analysis.learning.descent import LOSSES, Schedule, descend
    from analysis.learning.layer_weights import LayerWeights

    layers, count = context.engine.layers, len(context.adapters)
    states: dict[TrainingExample, Tensor] = {}

    def state_of(example: TrainingExample) -> Tensor:
        if example not in states:
            states[example] = context.engine.representation(example.prompt)
        return states[example]

    def policies(
        parameters: Mapping[str, Tensor], examples: Sequence[TrainingExample]
    ) -> list[LayerWeights]:
        classifier_LKD, bias_LK = parameters["classifier"], parameters["bias"]
        return [
            LayerWeights(context.adapters, scalings(state_of(one), classifier_LKD, bias_LK))
            for one in examples
        ]

    start = {
        "classifier": torch.zeros(layers, count, len(state_of(context.examples[0]))),
        "bias": torch.zeros(layers, count),
    }
    found = descend(context, start, policies, Schedule(EPOCHS, RATE, WARMUP))
    own = {}
    for index, name in enumerate(context.adapters):
        own[f"classifier.{name}"] = found["classifier"][:, index].half()
        own[f"bias.{name}"] = found["bias"][:, index]
    return own | {LOSSES: found[LOSSES]}


FIT = Fit("x-lora", "examples", _learn)


def _policy(context: Context, adapter: str) -> ConstantWeights:
    import torch

    classifier = learnt(context, FIT, "classifier", METHOD.name)
    bias = learnt(context, FIT, "bias", METHOD.name)
    weights_LK = scalings(
        context.representation(),
        torch.stack(list(classifier.values()), dim=1).double(),
        torch.stack(list(bias.values()), dim=1).double(),
    )
    return ConstantWeights(context.adapters, weights_LK)


METHOD = Method(
    "x-lora",
    "X-LoRA, once a question",
    "A learnt classifier reads the question in the base and weighs the adapters of each layer.",
    _policy,
    about=About(
        paper="X-LoRA, Buehler and Buehler (arXiv 2402.07148)",
        paradigm="By training: softmax(C x + b), from the loss of right answers, with x the base's "
        "state without adapters.",
        granularity="A query and a layer; the same for all tokens and modules of a layer.",
        needs=NEEDS.format(name="x-lora"),
        cost="One forward pass of the base over the query; a training of many minutes once.",
        traps="The paper classifies each token anew, with a second pass of the base for each token "
        "of an answer; here the question is classified once, by the mean of its tokens' states, "
        "and the weights stay for the whole answer. The classifier is one linear layer, with "
        "weights of its own for each layer of the base; x has the size 1. " + ONE_FIT,
    ),
    order=330,
    fit=FIT,
)
