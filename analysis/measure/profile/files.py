"""A profile as JSON and as CSV; page and command write the same numbers."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from torch import Tensor

from analysis.measure.profile.profile import Estimate, Profile


def as_json(profile: Profile, collection: str) -> dict[str, Any]:
    """The whole profile as plain data; null where the lens saturates.

    Args:
        profile: The profile.
        collection: Name of the collection.
    """
    return {
        "collection": collection,
        "settings": asdict(profile.settings),
        "adapters": list(profile.adapters),
        "layers": profile.layers,
        "queries": [
            {
                "query": one.query,
                "mean_weights": _plain(one.mean_K.tolist()),
                "weights": [_plain(row) for row in one.weights_LK.tolist()],
            }
            for one in profile.queries
        ],
        "mean": [[_number(one.mean) for one in row] for row in profile.weights],
        "spread": [[_number(one.spread) for one in row] for row in profile.weights],
        "queries_by_layer": list(profile.counts),
        "bands": [
            {
                "name": band.name,
                "first": band.first,
                "last": band.last,
                "weights": [_estimate(one) for one in band.weights],
                "queries_led": list(band.led),
            }
            for band in profile.bands
        ],
        "moves": [
            {
                "from": move.start,
                "to": move.end,
                "adapters": list(move.adapters),
                **_estimate(move.change),
                "queries_that_rise": move.rises,
            }
            for move in profile.moves
        ],
    }


def to_csv(profile: Profile, collection: str) -> str:
    """One line for each query: its mean weights, over all layers and in each band.

    Args:
        profile: The profile.
        collection: Name of the collection.
    """
    written = io.StringIO()
    table = csv.writer(written)
    settings = asdict(profile.settings)
    heads = [f"{name}_mean" for name in profile.adapters]
    heads += [f"{name}_{band.name}" for band in profile.bands for name in profile.adapters]
    table.writerow(["query", *heads, "collection", *settings])
    for one in profile.queries:
        values = [*one.mean_K.tolist()]
        for band in profile.bands:
            values += mean_of(one.weights_LK[band.first : band.last + 1]).tolist()
        cells = ["" if math.isnan(value) else value for value in values]
        table.writerow([_literal(one.query), *cells, collection, *settings.values()])
    return written.getvalue()


def mean_of(weights_LK: Tensor) -> Tensor:
    """The mean over the layers that are not saturated, `[adapters]`; NaN if all are."""
    return weights_LK.nanmean(dim=0)


def _literal(query: str) -> str:
    """A query that no spreadsheet takes for a formula."""
    return f"'{query}" if query[:1] in ("=", "+", "-", "@", "\t", "\r") else query


def _estimate(one: Estimate) -> dict[str, float | None]:
    return {name: _number(value) for name, value in asdict(one).items()}


def _plain(values: Sequence[float]) -> list[float | None]:
    return [_number(value) for value in values]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
