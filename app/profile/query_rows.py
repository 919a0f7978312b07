"""The queries of a profile as rows of a table, each with a link to Explore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.profile.profile_run import ProfileRun
from app.state.link_fields import LinkFields
from app.widgets import text
from app.widgets.colours import colour_number


@dataclass(frozen=True)
class QueryRow:
    """A query.

    Attributes:
        query: The query, as it was asked.
        shown: Its beginning, as one line.
        weights: Each adapter's mean weight over the layers; None where the lens saturates in all.
        bands: The column of the adapter with the largest weight in each band of layers; -1 where
            the lens saturates in all layers of the band.
    """

    query: str
    shown: str
    weights: tuple[float | None, ...]
    bands: tuple[int, ...]


@dataclass(frozen=True)
class QueryRows:
    """The table of the queries.

    Attributes:
        id: Equal for equal contents.
        columns: The adapters' labels.
        colours: The number of each adapter's colour.
        bands: The names of the bands of layers.
        rows: The queries in the order of the list.
        link: What a link to Explore holds beside the query.
    """

    id: str
    columns: tuple[str, ...] = ()
    colours: tuple[int, ...] = ()
    bands: tuple[str, ...] = ()
    rows: tuple[QueryRow, ...] = ()
    link: str = ""


def query_rows(
    run: ProfileRun, labels: Mapping[str, str], places: Sequence[int], link_fields: LinkFields
) -> QueryRows:
    """The rows of a profile.

    Args:
        run: The profile; at least one query is read.
        labels: The adapters' labels by name.
        places: The adapters' places in the collection, by which each has its colour.
        link_fields: The values that a permalink can hold.
    """
    from analysis.measure.profile.files import mean_of

    profile, settings = run.profile(), run.settings
    rows = []
    for one in profile.queries:
        means = [
            mean_of(one.weights_LK[band.first : band.last + 1]).tolist() for band in profile.bands
        ]
        rows.append(
            QueryRow(
                one.query,
                text.short(text.plain(one.query), 160),
                tuple(None if value != value else round(value, 4) for value in one.mean_K.tolist()),
                tuple(-1 if row[0] != row[0] else row.index(max(row)) for row in means),
            )
        )
    link = link_fields.encode(
        {
            "adapters": list(run.adapters),
            "lens": settings.lens,
            "position": settings.position,
            "metric": settings.metric,
            "normalisation": settings.normalisation,
            "softmax_temperature": settings.temperature,
            "signal": settings.signal,
            "relative": settings.relative,
        }
    )
    return QueryRows(
        f"{run.number}-{len(rows)}",
        tuple(labels[name] for name in run.adapters),
        tuple(colour_number(place) for place in places),
        tuple(band.name for band in profile.bands),
        tuple(rows),
        link,
    )
