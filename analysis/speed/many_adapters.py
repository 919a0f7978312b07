"""Many adapters from few: the own ones, copies of other sizes and with noise, random ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from analysis.models.adapters import Adapter, Factor
from analysis.models.collection import AdapterEntry

_SIZES = (0.25, 0.5, 0.75, 1.5)
_NOISES = (0.3, 0.6, 1.0)
_RANDOM_SIZES = (0.25, 0.5, 1.0, 1.5)


def many_adapters(own: Sequence[Adapter], count: int) -> list[Adapter]:
    """As many adapters as asked for, the collection's own first.

    The copies are a quarter to one and a half times as large; or have noise of 0.3 to 1 times the
    deviation of their B, with seeds of their own. The rest are random numbers of the deviations of
    an own adapter.

    Args:
        own: The collection's adapters.
        count: How many there are to be.
    """
    made = itertools.chain(own, _scaled(own), _noisy(own), _random(own))
    return list(itertools.islice(made, count))


def _scaled(own: Sequence[Adapter]) -> Iterator[Adapter]:
    for size, adapter in itertools.product(_SIZES, own):

        def changed(b_Or: Tensor, by: float = size) -> Tensor:
            return by * b_Or

        yield _made(f"{adapter.name}-x{size:g}", adapter.factors, changed)


def _noisy(own: Sequence[Adapter]) -> Iterator[Adapter]:
    generator = torch.Generator().manual_seed(0)
    for noise, adapter in itertools.product(_NOISES, own):

        def changed(b_Or: Tensor, by: float = noise) -> Tensor:
            random_Or = torch.randn(b_Or.shape, generator=generator).to(b_Or)
            return b_Or + by * b_Or.std() * random_Or

        yield _made(f"{adapter.name}-noise{noise:g}", adapter.factors, changed)


def _random(own: Sequence[Adapter]) -> Iterator[Adapter]:
    generator = torch.Generator().manual_seed(1)

    def alike(given: Tensor) -> Tensor:
        return given.std() * torch.randn(given.shape, generator=generator).to(given)

    for number in itertools.count():
        adapter, size = own[number % len(own)], _RANDOM_SIZES[number % len(_RANDOM_SIZES)]
        factors = {
            name: Factor(alike(one.a_rI), size * alike(one.b_Or))
            for name, one in adapter.factors.items()
        }
        yield Adapter(_entry(f"random-{number}"), factors)


def _made(name: str, factors: Mapping[str, Factor], change: Callable[[Tensor], Tensor]) -> Adapter:
    """A copy with another B; A is shared."""
    changed = {module: replace(one, b_Or=change(one.b_Or)) for module, one in factors.items()}
    return Adapter(_entry(name), changed)


def _entry(name: str) -> AdapterEntry:
    return AdapterEntry(name, name, "other", Path())
