"""Snapshots: the numbers of one run under some view settings, to draw, pin and compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from analysis.measure.lenses import SATURATED
from analysis.measure.normalisation import NORMALISATIONS, weigh
from app.state.settings.view_settings import ViewSettings

if TYPE_CHECKING:
    from analysis.measure.divergence import Divergence
    from analysis.measure.relevance.relevance import Relevance
    from app.state.run import Run

Numbers = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Snapshot:
    """The numbers of one run under some view settings.

    Attributes:
        number: The request's number and the view settings; equal for equal snapshots of one page.
        query: The question.
        adapters: Names of the adapters.
        labels: Their labels.
        divergence: `[layers][adapters]`.
        weights: `[layers][adapters]`, each layer summing to 1.
        peaks: The largest probability of the base's distribution, `[layers]`.
        view_settings: The view settings.
        places: The adapters' places in the collection, by which each has its colour; those in the
            run by default.
        left_out: Labels of the adapters that a shortlist left out.
        usual: Each adapter's usual signal, `[layers][adapters]`; empty where the relevance is not
            relative to it.
    """

    number: str
    query: str
    adapters: tuple[str, ...]
    labels: tuple[str, ...]
    divergence: Numbers
    weights: Numbers
    peaks: tuple[float, ...]
    view_settings: ViewSettings
    places: tuple[int, ...] = ()
    usual: Numbers = ()
    left_out: tuple[str, ...] = ()

    def place(self, adapter: int) -> int:
        """The place in the collection of an adapter of the run."""
        return self.places[adapter] if self.places else adapter

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.weights)

    @property
    def visible_layers(self) -> range:
        """The layers that the page shows."""
        return self.view_settings.layers(self.layers)

    @property
    def run(self) -> str:
        """The part of the number that all snapshots of one run share."""
        return self.number.split("-")[0]

    @property
    def saturated(self) -> tuple[int, ...]:
        """The layers where the lens saturates: the base gives one token nearly all probability."""
        return tuple(layer for layer, peak in enumerate(self.peaks) if peak > SATURATED)

    def strongest(self) -> tuple[int, int]:
        """Layer and adapter of the largest weight, outside saturated layers where possible."""
        cells = [(layer, adapter) for layer in self.visible_layers for adapter in range(self.width)]
        return max(cells, key=lambda cell: (cell[0] not in self.saturated, self._weight(cell)))

    def shows(self, cell: tuple[int, int]) -> bool:
        """Whether the grid has a cell, a layer and an adapter."""
        return cell[0] in self.visible_layers and 0 <= cell[1] < self.width

    def selected(self, cell: tuple[int, int] | None, before: Snapshot | None) -> tuple[int, int]:
        """The cell to select: that of the snapshot before, or the strongest where it is not here.

        Args:
            cell: The layer and the adapter's index that were selected.
            before: The snapshot that they were selected in; this one by default.
        """
        if cell is not None and before is not None and before.adapters != self.adapters:
            name = before.adapters[cell[1]]
            cell = (cell[0], self.adapters.index(name)) if name in self.adapters else None
        return cell if cell is not None and self.shows(cell) else self.strongest()

    @property
    def width(self) -> int:
        """Number of adapters."""
        return len(self.adapters)

    def _weight(self, cell: tuple[int, int]) -> float:
        return self.weights[cell[0]][cell[1]]


def snapshot_of(
    divergence: Divergence | Relevance,
    run: Run,
    view_settings: ViewSettings,
    labels: Mapping[str, str],
) -> Snapshot:
    """The snapshot of a run.

    Args:
        divergence: The run's relevance under the view settings.
        run: The run.
        view_settings: The view settings.
        labels: The adapters' labels by name.
    """
    names = run.adapters
    return Snapshot(
        number=_number(str(run.number), view_settings, names),
        query=run.query,
        adapters=names,
        labels=tuple(labels[name] for name in names),
        divergence=frozen(divergence.values_LK.tolist()),
        weights=frozen(
            weigh(
                divergence.values_LK, view_settings.normalisation, view_settings.temperature
            ).tolist()
        ),
        peaks=tuple(divergence.peak_L.tolist()),
        view_settings=view_settings,
        places=tuple(list(labels).index(name) for name in names),
        usual=_usual(divergence),
        left_out=tuple(labels[name] for name in run.left_out),
    )


def _usual(relevance: Divergence | Relevance) -> Numbers:
    usual_LK = getattr(relevance, "usual_LK", None)
    return () if usual_LK is None else frozen(usual_LK.tolist())


def with_settings(snapshot: Snapshot, view_settings: ViewSettings) -> Snapshot:
    """The same divergence under other view settings; needs no engine.

    Lens, metric, position and signal stay: another relevance would need the engine.
    """
    old = snapshot.view_settings
    own = replace(
        view_settings,
        lens=old.lens,
        metric=old.metric,
        position=old.position,
        signal=old.signal,
        relative=old.relative,
    )
    weights = snapshot.weights
    rule = NORMALISATIONS[own.normalisation]
    tempered = rule.uses_temperature and own.temperature != old.temperature
    if own.normalisation != old.normalisation or tempered:
        import torch

        divergence_LK = torch.tensor(snapshot.divergence, dtype=torch.float64)
        weights = frozen(weigh(divergence_LK, own.normalisation, own.temperature).tolist())
    number = _number(snapshot.run, own, snapshot.adapters)
    return replace(snapshot, number=number, weights=weights, view_settings=own)


def among(snapshot: Snapshot, adapters: Sequence[str]) -> Snapshot:
    """The snapshot of some of the adapters, which share the weight anew; needs no engine."""
    import torch

    own = snapshot.view_settings
    places = [snapshot.adapters.index(name) for name in adapters]
    divergence = frozen([[row[place] for place in places] for row in snapshot.divergence])
    divergence_LK = torch.tensor(divergence, dtype=torch.float64)
    return replace(
        snapshot,
        number=_number(snapshot.run, own, adapters),
        adapters=tuple(adapters),
        labels=tuple(snapshot.labels[place] for place in places),
        divergence=divergence,
        usual=tuple(tuple(row[place] for place in places) for row in snapshot.usual),
        weights=frozen(weigh(divergence_LK, own.normalisation, own.temperature).tolist()),
        places=tuple(snapshot.place(place) for place in places),
    )


def _number(run: str, view_settings: ViewSettings, adapters: Sequence[str]) -> str:
    parts = (run, *(str(value) for value in asdict(view_settings).values()))
    return "-".join((*parts, *adapters))


def frozen(values: Sequence[Sequence[float]]) -> Numbers:
    """Numbers as nested tuples, which cannot change."""
    return tuple(tuple(row) for row in values)


@dataclass(frozen=True)
class WeightDifference:
    """The change of weights from one snapshot to another.

    Attributes:
        adapters: The adapters that both have, in the second's order.
        places: Their indices in the second.
        values: The second's weights less the first's, `[layers][adapters]`.
    """

    adapters: tuple[str, ...]
    places: tuple[int, ...]
    values: Numbers


def difference(first: Snapshot, second: Snapshot) -> WeightDifference | None:
    """The second's weights less the first's; None where they share no adapter."""
    shared = [name for name in second.adapters if name in first.adapters]
    if not shared or first.layers != second.layers:
        return None
    before = [first.adapters.index(name) for name in shared]
    after = [second.adapters.index(name) for name in shared]
    values = tuple(
        tuple(new[b] - old[a] for a, b in zip(before, after, strict=True))
        for old, new in zip(first.weights, second.weights, strict=True)
    )
    return WeightDifference(tuple(shared), tuple(after), values)
