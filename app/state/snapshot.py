"""Pictures: the numbers of one run under one look, ready to be drawn, pinned and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from analysis.measure.normalisation import NORMALISATIONS, weigh
from app.state.numbers import Numbers, rows
from app.state.view_settings import ViewSettings

if TYPE_CHECKING:
    from analysis.measure.divergence import Divergence
    from app.state.run import Run

# Of the base's most probable token: beyond it the others have so little that no share of the
# divergence says anything.
_SATURATED = 0.9999


@dataclass(frozen=True)
class Snapshot:
    """The numbers of one run under one look.

    Attributes:
        number: Which picture of the page's this is.
        query: What was asked.
        adapters: Names of the adapters.
        labels: Their labels.
        divergence: `[layers][adapters]`.
        weights: `[layers][adapters]`, each layer summing to 1.
        peaks: The largest probability of the base's distribution, `[layers]`.
        view_settings: How it is looked at.
    """

    number: str
    query: str
    adapters: tuple[str, ...]
    labels: tuple[str, ...]
    divergence: Numbers
    weights: Numbers
    peaks: tuple[float, ...]
    view_settings: ViewSettings

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.weights)

    @property
    def shown(self) -> range:
        """The layers that are shown."""
        return self.view_settings.layers(self.layers)

    @property
    def run(self) -> str:
        """What all pictures of the same run share."""
        return self.number.split("-")[0]

    @property
    def saturated(self) -> tuple[int, ...]:
        """Of all layers, those where the lens saturates: the base puts all on one token."""
        return tuple(layer for layer, peak in enumerate(self.peaks) if peak > _SATURATED)

    def strongest(self) -> tuple[int, int]:
        """Layer and adapter of the largest weight, among layers where the lens says something."""
        cells = [(layer, adapter) for layer in self.shown for adapter in range(self.width)]
        return max(cells, key=lambda one: (one[0] not in self.saturated, self._weight(one)))

    @property
    def width(self) -> int:
        """Number of adapters."""
        return len(self.adapters)

    def _weight(self, cell: tuple[int, int]) -> float:
        return self.weights[cell[0]][cell[1]]


def take(
    reading: Divergence, run: Run, view_settings: ViewSettings, labels: Mapping[str, str]
) -> Snapshot:
    """The picture of a run, from its divergence as the look reads it."""
    names = run.trace.adapters
    return Snapshot(
        number=_number(str(run.number), view_settings),
        query=run.query,
        adapters=names,
        labels=tuple(labels[name] for name in names),
        divergence=rows(reading.values_LK.tolist()),
        weights=rows(
            weigh(
                reading.values_LK, view_settings.normalisation, view_settings.temperature
            ).tolist()
        ),
        peaks=tuple(reading.peak_L.tolist()),
        view_settings=view_settings,
    )


def with_settings(snapshot: Snapshot, view_settings: ViewSettings) -> Snapshot:
    """The same divergence, shown or turned into weights otherwise; needs no engine."""
    old, own = (
        snapshot.view_settings,
        replace(
            view_settings, lens=snapshot.view_settings.lens, metric=snapshot.view_settings.metric
        ),
    )
    own = replace(own, position=old.position)
    weights = snapshot.weights
    rule = NORMALISATIONS[own.normalisation]
    tempered = rule.uses_temperature and own.temperature != old.temperature
    if own.normalisation != old.normalisation or tempered:
        import torch

        divergence_LK = torch.tensor(snapshot.divergence, dtype=torch.float64)
        weights = rows(weigh(divergence_LK, own.normalisation, own.temperature).tolist())
    number = _number(snapshot.run, own)
    return replace(snapshot, number=number, weights=weights, view_settings=own)


def _number(run: str, view_settings: ViewSettings) -> str:
    parts = (run, *(str(value) for value in asdict(view_settings).values()))
    return "-".join(parts)


@dataclass(frozen=True)
class Difference:
    """What changed from one picture to another.

    Attributes:
        adapters: Those that both have, in the second's order.
        places: Their places in the second.
        values: The second's weights less the first's, `[layers][adapters]`.
    """

    adapters: tuple[str, ...]
    places: tuple[int, ...]
    values: Numbers


def difference(first: Snapshot, second: Snapshot) -> Difference | None:
    """The second's weights less the first's; None where nothing can be compared."""
    shared = [name for name in second.adapters if name in first.adapters]
    if not shared or first.layers != second.layers:
        return None
    before = [first.adapters.index(name) for name in shared]
    after = [second.adapters.index(name) for name in shared]
    values = tuple(
        tuple(new[b] - old[a] for a, b in zip(before, after, strict=True))
        for old, new in zip(first.weights, second.weights, strict=True)
    )
    return Difference(tuple(shared), tuple(after), values)
