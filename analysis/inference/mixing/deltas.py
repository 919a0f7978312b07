"""The terms that one linear module adds to some rows of a batch: `Σ w ΔW x`.

Each kind of row has the cheapest exact way: an adapter of its own, several adapters with constant
weights, or several adapters whose weights a rule gives.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from analysis.common.errors import InputError
from analysis.inference.mixing.policies import ModuleInput, WeightRule
from analysis.inference.mixing.policy_weights import PassRecorder
from analysis.inference.mixing.products import product
from analysis.inference.mixing.row_groups import Rows


@dataclass(frozen=True)
class SingleAdapter:
    """The term of rows that have one adapter each.

    Attributes:
        rows: The rows; None for all of the batch.
        a_KrI: A of some adapters, `[adapters, rank, inputs]`.
        b_KrO: Their B, `[adapters, rank, outputs]`.
        chosen: Each row's adapter, by its place among these. Its matrices are taken out when the
            term is added: a copy of one module's stays in the processor's cache, one of all
            modules' does not.
        weights_n11: Weight of each row; None where all are 1.
    """

    rows: Rows | None
    a_KrI: Tensor
    b_KrO: Tensor
    chosen: Rows
    weights_n11: Tensor | None

    def add(self, x_RTI: Tensor, out_RTO: Tensor) -> None:
        """Adds the term to the module's output."""
        a_nrI, b_nrO = self.a_KrI[self.chosen], self.b_KrO[self.chosen]
        h_nTr = some_rows(x_RTI, self.rows) @ a_nrI.mT
        if self.weights_n11 is not None:
            h_nTr *= self.weights_n11
        if isinstance(self.rows, Tensor):
            out_RTO[self.rows] += h_nTr @ b_nrO
        else:
            some_rows(out_RTO, self.rows).baddbmm_(h_nTr, b_nrO)


@dataclass(frozen=True)
class MixedAdapters:
    """The term of rows that mix several adapters with constant weights.

    Attributes:
        rows: The rows; None for all of the batch.
        a_SI: A of the adapters, stacked: `[adapters · rank, inputs]`.
        b_SO: B of the adapters, stacked: `[adapters · rank, outputs]`.
        weights_n1S: Weight of each adapter, once for each of its ranks.
        transposed: Order of the product with A; see `product`.
    """

    rows: Rows | None
    a_SI: Tensor
    b_SO: Tensor
    weights_n1S: Tensor
    transposed: bool

    def add(self, x_RTI: Tensor, out_RTO: Tensor) -> None:
        """Adds the term to the module's output."""
        x_nTI = some_rows(x_RTI, self.rows)
        h_NS = product(x_nTI.flatten(0, 1), self.a_SI, transposed=self.transposed)
        h_NS.view(*x_nTI.shape[:2], -1).mul_(self.weights_n1S)
        if isinstance(self.rows, Tensor):
            out_RTO[self.rows] += (h_NS @ self.b_SO).view(*x_nTI.shape[:2], -1)
        else:
            part_nTO = some_rows(out_RTO, self.rows)
            part_nTO.view(-1, part_nTO.shape[-1]).addmm_(h_NS, self.b_SO)


@dataclass(frozen=True)
class RescaledOutput:
    """The term of rows with DoRAs that rescales the module's own output, before any other term.

    Attributes:
        rows: The rows of the batch.
        scales_n1O: `Σ w s` of each row's adapters.
        bias_O: The module's bias, which is not rescaled; None without.
    """

    rows: Tensor
    scales_n1O: Tensor
    bias_O: Tensor | None

    def add(self, x_RTI: Tensor, out_RTO: Tensor) -> None:
        """Adds the term to the module's output, which holds nothing else yet."""
        out_RTO[self.rows] += without_bias(out_RTO[self.rows], self.bias_O) * self.scales_n1O


@dataclass(frozen=True)
class RuledAdapters:
    """The term of rows whose weights a rule gives, token by token.

    Attributes:
        rows: The rows of the batch.
        module: Name of the module.
        layer: Layer of the module.
        rule: The rule, the same for all these rows.
        covering: Places in the rule's adapters of those that cover the module.
        a_SI: A of the covering adapters, stacked: `[covering · rank, inputs]`.
        b_SO: B of the covering adapters, stacked: `[covering · rank, outputs]`.
        recorder: Takes the weights of the rows that somebody asks for.
        scales_kO: Scales of the covering adapters for the module's own output; None without DoRA.
        bias_O: The module's bias, which is not rescaled; None without.
    """

    rows: Tensor
    module: str
    layer: int
    rule: WeightRule
    covering: list[int]
    a_SI: Tensor
    b_SO: Tensor
    recorder: PassRecorder
    scales_kO: Tensor | None = None
    bias_O: Tensor | None = None

    def add(self, x_RTI: Tensor, out_RTO: Tensor, block_input_RTD: Tensor) -> None:
        """Adds the term to the module's output.

        Args:
            x_RTI: Input of the module.
            out_RTO: Output of the module.
            block_input_RTD: Input of the module's block.
        """
        x_nTI = x_RTI[self.rows]
        own_nTO = None
        if self.scales_kO is not None:
            # The rows of a rule have no other term: their output is still the base's.
            own_nTO = without_bias(out_RTO[self.rows], self.bias_O)
        at = ModuleInput(self.module, self.layer, x_nTI, block_input_RTD[self.rows], own_nTO)
        weights_nTK = self._weights(at).to(x_nTI)
        h_nTS = x_nTI @ self.a_SI.T
        rank = h_nTS.shape[-1] // len(self.covering)
        h_nTS = h_nTS * weights_nTK.repeat_interleave(rank, dim=-1)
        added_nTO = h_nTS @ self.b_SO
        if self.scales_kO is not None and own_nTO is not None:
            added_nTO = added_nTO + own_nTO * (weights_nTK @ self.scales_kO)
        out_RTO[self.rows] += added_nTO
        self.recorder.add(self.layer, self.covering, weights_nTK)

    def _weights(self, at: ModuleInput) -> Tensor:
        weights_nTK = self.rule.weights(at)
        expected = (*at.input_RTI.shape[:2], len(self.rule.adapters))
        if tuple(weights_nTK.shape) != expected:
            raise InputError(
                f"{type(self.rule).__name__} gives weights of shape {tuple(weights_nTK.shape)} at "
                f"{self.module}: give [rows, tokens, adapters], here {expected}."
            )
        weights_nTK = weights_nTK[..., self.covering]
        if not bool(weights_nTK.isfinite().all()):
            raise InputError(
                f"{type(self.rule).__name__} gives a weight that is NaN or infinite at "
                f"{self.module}: give finite numbers."
            )
        return weights_nTK


Delta = SingleAdapter | MixedAdapters | RescaledOutput


def without_bias(output: Tensor, bias_O: Tensor | None) -> Tensor:
    """A module's own output without its bias."""
    return output if bias_O is None else output - bias_O


def some_rows(all_RTN: Tensor, rows: Rows | None) -> Tensor:
    """Some rows of a batch; a view where they are a slice."""
    return all_RTN if rows is None else all_RTN[rows]
