"""Per-row, per-layer weighted LoRA inside the base model.

A batch has rows, and each row carries its own weights over the adapters, layer by layer. The model
holds nothing of a request: the rows' hooks are put on for one forward pass and always taken off
after it, also after an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from analysis.inference.mixing.applied_rows import AppliedRows, ModuleDeltas
from analysis.inference.mixing.deltas import (
    Delta,
    MixedAdapters,
    RescaledOutput,
    RuledAdapters,
    SingleAdapter,
)
from analysis.inference.mixing.policies import Policy, WeightRule
from analysis.inference.mixing.policy_weights import PassRecorder, WeightRecorder
from analysis.inference.mixing.row_groups import RowGroup, Rows, row_groups
from analysis.inference.mixing.sites import Site, first_layer, site_of
from analysis.models.adapters import Adapter


@dataclass(frozen=True)
class _RuledRows:
    """Rows with the same rule, and what takes their weights."""

    rule: WeightRule
    rows: list[int]
    recorder: PassRecorder


class Mixture:
    """The adapters of one model, ready to be mixed.

    Args:
        model: The base model; it is not changed.
        adapters: The adapters; their order is the order of all weights.
        transposed: The order of products with few tokens; see `product`.
    """

    def __init__(
        self, model: PreTrainedModel, adapters: Sequence[Adapter], transposed: bool = False
    ) -> None:
        self._transposed = transposed
        self.adapters = tuple(adapter.name for adapter in adapters)
        self.layers = int(model.config.get_text_config().num_hidden_layers)
        modules = dict(model.named_modules())
        names = sorted({name for adapter in adapters for name in adapter.factors})
        dtype = model.dtype
        self._sites = [site_of(name, modules, self.layers, adapters, dtype) for name in names]
        first = min(self._sites, key=lambda site: site.layer, default=None)
        self._first_block = None if first is None else first.block
        self.modules = {site.name: site.module for site in self._sites}
        """The modules that adapters cover, by name."""
        # Below its first layer an adapter has moved nothing; an adapter that is zero never does.
        self.first_layer_K = tuple(first_layer(adapter, self.layers) for adapter in adapters)

    def alone(self, adapters: Sequence[str]) -> Tensor:
        """The weights of the base's row and of a row for each adapter alone."""
        weights_RLK = torch.zeros(1 + len(adapters), self.layers, len(self.adapters))
        for row, name in enumerate(adapters, start=1):
            weights_RLK[row, :, self.adapters.index(name)] = 1.0
        return weights_RLK

    def restore_base(self, hidden_RLPD: Tensor, weights_RLK: Tensor) -> None:
        """Puts the base's states where a row's adapters have moved nothing yet, in place.

        They are then exactly the base's, without the round-off of another place in a batch.

        Args:
            hidden_RLPD: The rows' states, the base's first.
            weights_RLK: The rows' weights.
        """
        for row, weights_LK in enumerate(weights_RLK[1:], start=1):
            weighed = weights_LK.any(dim=0).nonzero().flatten().tolist()
            first = min((self.first_layer_K[place] for place in weighed), default=self.layers)
            hidden_RLPD[row, :first] = hidden_RLPD[0, :first]

    def rows(self, weights_RLK: Tensor) -> AppliedRows:
        """Prepares rows with these weights, `[rows, layers, adapters]`, for few passes."""
        expected = (self.layers, len(self.adapters))
        if weights_RLK.dim() != 3 or tuple(weights_RLK.shape[1:]) != expected:
            raise ValueError(
                f"weights of shape {tuple(weights_RLK.shape)} are not [rows, layers, adapters] "
                f"with {expected[0]} layers and {expected[1]} adapters"
            )
        return self._applied(weights_RLK, [], copied=False)

    def rows_of(
        self,
        policies: Sequence[Policy],
        recorders: Sequence[WeightRecorder | None] | None = None,
        *,
        one_token: bool = False,
    ) -> AppliedRows:
        """Prepares one row for each policy; a pass is then as fast as it can be.

        Args:
            policies: The rows' policies.
            recorders: For each row, a recorder that takes the weights of its rule, or None.
            one_token: Whether a pass runs one token of each row; many rows then share the reading
                of the adapters' matrices.
        """
        recorders = recorders or [None] * len(policies)
        weights_RLK = torch.zeros(
            len(policies), self.layers, len(self.adapters), dtype=torch.float64
        )
        by_rule: dict[int, tuple[WeightRule, list[int]]] = {}
        for row, (policy, _) in enumerate(zip(policies, recorders, strict=True)):
            if isinstance(policy, WeightRule):
                by_rule.setdefault(id(policy), (policy, []))[1].append(row)
            else:
                weights_RLK[row] = policy.over(self.adapters)
        ruled = [
            _RuledRows(
                rule,
                rows,
                PassRecorder([recorders[row] for row in rows], self.layers, len(rule.adapters)),
            )
            for rule, rows in by_rule.values()
        ]
        return self._applied(weights_RLK, ruled, copied=True, one_token=one_token)

    def _applied(
        self,
        weights_RLK: Tensor,
        ruled: Sequence[_RuledRows],
        *,
        copied: bool,
        one_token: bool = False,
    ) -> AppliedRows:
        groups: dict[tuple[int, tuple[int, ...]], list[RowGroup]] = {}
        # Many sites have the same weights in the same shape.
        spread: dict[tuple[object, ...], Tensor] = {}
        deltas = []
        for site in self._sites:
            key = (site.layer, site.covering)
            if key not in groups:
                weights_RK = weights_RLK[:, site.layer, list(site.covering)]
                groups[key] = row_groups(weights_RK, one_token=one_token)
            constant = _rescaled(site, weights_RLK)
            constant += [self._constant(site, group, spread, copied) for group in groups[key]]
            by_rule = [one for rows in ruled if (one := self._by_rule(site, rows)) is not None]
            if constant or by_rule:
                deltas.append(ModuleDeltas(site.module, site.block, constant, by_rule))
        return AppliedRows(
            weights_RLK.shape[0], deltas, self._first_block, [rows.recorder for rows in ruled]
        )

    def _constant(
        self,
        site: Site,
        group: RowGroup,
        spread: dict[tuple[object, ...], Tensor],
        copied: bool,
    ) -> Delta:
        """The term of rows with constant weights.

        Args:
            site: The module.
            group: The rows.
            spread: The weights of mixed rows for each rank; filled on the way.
            copied: Whether each row's matrices are taken out of their stack once, for all passes.
        """
        rows = None if group.rows is None else _on(group.rows, site)
        adapters, weights = _on(group.adapters, site), group.weights
        a_KrI, b_KrO = site.a_KrI, site.b_KrO
        if not group.mixed:
            weights_n11 = None if weights is None else weights.to(a_KrI)
            if copied:
                a_KrI, b_KrO, adapters = a_KrI[adapters], b_KrO[adapters], slice(None)
            return SingleAdapter(rows, a_KrI, b_KrO, adapters, weights_n11)
        a_nrI, b_nrO = a_KrI[adapters], b_KrO[adapters]
        assert weights is not None
        key = (id(group), a_nrI.shape[1], a_nrI.dtype, a_nrI.device)
        if key not in spread:
            spread[key] = weights.repeat_interleave(a_nrI.shape[1], dim=2).to(a_nrI)
        return MixedAdapters(
            rows, a_nrI.flatten(0, 1), b_nrO.flatten(0, 1), spread[key], self._transposed
        )

    def _by_rule(self, site: Site, ruled: _RuledRows) -> RuledAdapters | None:
        """The term of a rule's rows; None where none of the rule's adapters covers the module."""
        names = [self.adapters[index] for index in site.covering]
        covering = [place for place, name in enumerate(ruled.rule.adapters) if name in names]
        if not covering:
            return None
        stacked = _slice([names.index(ruled.rule.adapters[place]) for place in covering])
        return RuledAdapters(
            rows=torch.tensor(ruled.rows, device=site.a_KrI.device),
            module=site.name,
            layer=site.layer,
            rule=ruled.rule,
            covering=covering,
            a_SI=site.a_KrI[stacked].flatten(0, 1),
            b_SO=site.b_KrO[stacked].flatten(0, 1),
            recorder=ruled.recorder,
            scales_kO=None if site.scales_KO is None else site.scales_KO[stacked],
            bias_O=_bias_of(site),
        )


def _rescaled(site: Site, weights_RLK: Tensor) -> list[Delta]:
    """The term of rows that weigh DoRAs which cover the module; [] where there is none."""
    if site.scales_KO is None:
        return []
    weights_RK = weights_RLK[:, site.layer, list(site.covering)].to(site.scales_KO)
    scales_RO = weights_RK @ site.scales_KO
    rows = scales_RO.any(dim=1).nonzero().flatten()
    if not len(rows):
        return []
    return [RescaledOutput(rows, scales_RO[rows].unsqueeze(1), _bias_of(site))]


def _slice(index: list[int]) -> list[int] | slice:
    """A slice where the indices are consecutive: a view, no copy."""
    first, end = index[0], index[0] + len(index)
    return slice(first, end) if index == list(range(first, end)) else index


def _bias_of(site: Site) -> Tensor | None:
    bias = getattr(site.module, "bias", None)
    return bias if isinstance(bias, Tensor) else None


def _on(index: Rows, site: Site) -> Rows:
    return index if isinstance(index, slice) else index.to(site.a_KrI.device)
