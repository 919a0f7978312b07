"""Controls of the Jacobian lens: the same matrices without their meaning, and simpler lenses.

A lens that says something sees the model's own next token in earlier layers than they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from analysis.inference.head import Head
from analysis.inference.passes.layer_states import collected
from analysis.measure.lenses import SATURATED, BoundLens
from analysis.measure.lenses.jacobian import MATRICES

_ROWS = 32  # states whose logits are in memory at a time


@dataclass(frozen=True)
class LensCheck:
    """Readings of the base's states through several lenses, layer by layer.

    Attributes:
        ranks: The median rank of the model's own next token in each layer, by lens; the most
            probable token has rank 1. The model's own next token is its most probable one.
        states: Number of states that the ranks are medians over.
        saturated: The share of the queries' states where the lens saturates, in each layer, by
            lens.
        query_states: Number of states that the shares are of.
    """

    ranks: Mapping[str, tuple[float, ...]]
    states: int
    saturated: Mapping[str, tuple[float, ...]]
    query_states: int

    def as_json(self) -> dict[str, Any]:
        """The check as plain data."""
        return asdict(self)


def controls_of(bound: BoundLens, seed: int = 0) -> dict[str, BoundLens]:
    """The lens with matrices that have lost their meaning, by what was done to them.

    Args:
        bound: The Jacobian lens.
        seed: Of the random order and the random matrices.
    """
    jacobians_LDD = bound.fitted[MATRICES].float()
    layers, width, _ = jacobians_LDD.shape
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(width, generator=generator)
    random_LDD = torch.randn(jacobians_LDD.shape, generator=generator)
    scale_L = jacobians_LDD.flatten(1).norm(dim=1) / random_LDD.flatten(1).norm(dim=1)
    changed = {
        "rows permuted": jacobians_LDD[:, order],
        "random, same size": random_LDD * scale_L[:, None, None],
        "of another layer": jacobians_LDD.roll(layers // 2, dims=0),
    }
    return {
        f"{bound.name}, {what}": BoundLens(bound.lens, {MATRICES: matrices_LDD})
        for what, matrices_LDD in changed.items()
    }


def check(
    model: PreTrainedModel,
    blocks: Sequence[nn.Module],
    windows: Sequence[Sequence[int]],
    places: Sequence[int],
    queries: Sequence[tuple[Sequence[int], Sequence[int]]],
    lenses: Mapping[str, BoundLens],
    controls: Mapping[str, BoundLens],
    log: Callable[[str], None] = lambda line: None,
) -> LensCheck:
    """Reads the base's states through lenses and their controls.

    Args:
        model: The base model, in evaluation mode.
        blocks: Its blocks.
        windows: Token ids of texts, for the ranks.
        places: The positions of a text that are read.
        queries: Token ids of prompts with the positions that are read, for the saturation.
        lenses: Lenses by the names that the result uses.
        controls: Further lenses; only their ranks are read.
        log: Takes a line of progress.
    """
    head = Head.of(model)
    hidden_LND = _states(model, blocks, [(ids, places) for ids in windows])
    asked_LND = _states(model, blocks, queries)
    own_N = torch.cat([logits_NV.argmax(1) for logits_NV in _own(head, hidden_LND[-1])])
    ranks, saturated = {}, {}
    for name, lens in {**lenses, **controls}.items():
        log(f"reading through {name}")
        ranks[name] = tuple(
            float(_ranks(head, lens, layer, hidden_ND, own_N).median())
            for layer, hidden_ND in enumerate(hidden_LND)
        )
    for name, lens in lenses.items():
        log(f"saturation of {name}")
        saturated[name] = tuple(
            float((_peaks(head, lens, layer, hidden_ND) > SATURATED).double().mean())
            for layer, hidden_ND in enumerate(asked_LND)
        )
    return LensCheck(ranks, hidden_LND.shape[1], saturated, asked_LND.shape[1])


def _states(
    model: PreTrainedModel,
    blocks: Sequence[nn.Module],
    texts: Sequence[tuple[Sequence[int], Sequence[int]]],
) -> Tensor:
    """The base's states after each block at some positions of texts, `[layers, n, width]`."""
    parts = []
    for ids, places in texts:
        with torch.inference_mode(), collected(blocks, places) as states:
            model.base_model(
                input_ids=torch.tensor([list(ids)], device=model.device), use_cache=False
            )
        parts.append(torch.cat(states).float())
    return torch.cat(parts, dim=1).to(model.device)


def _own(head: Head, hidden_ND: Tensor) -> Iterator[Tensor]:
    """The model's own logits, some rows at a time."""
    for hidden_nD in hidden_ND.split(_ROWS):
        with torch.inference_mode():
            yield head.output(head.norm(hidden_nD))


def _read(head: Head, lens: BoundLens, layer: int, hidden_ND: Tensor) -> Iterator[Tensor]:
    """The logits of states through a lens, some rows at a time."""
    for hidden_nD in hidden_ND.split(_ROWS):
        with torch.inference_mode():
            yield head.output(lens.before_head(hidden_nD, head, layer))


def _ranks(head: Head, lens: BoundLens, layer: int, hidden_ND: Tensor, own_N: Tensor) -> Tensor:
    """The rank of the model's own next token at each state, `[n]`."""
    found = []
    for logits_nV, own_n in zip(
        _read(head, lens, layer, hidden_ND), own_N.split(_ROWS), strict=True
    ):
        found.append(1 + (logits_nV > logits_nV.gather(1, own_n[:, None])).sum(dim=1))
    # In float, so that the median of an even number is a value that occurs.
    return torch.cat(found).double()


def _peaks(head: Head, lens: BoundLens, layer: int, hidden_ND: Tensor) -> Tensor:
    """The largest probability at each state, `[n]`."""
    peaks = [logits_nV.softmax(1).amax(1) for logits_nV in _read(head, lens, layer, hidden_ND)]
    return torch.cat(peaks)
