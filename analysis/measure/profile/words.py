"""A profile in words: which adapter leads in which band, and what rises or falls after it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from analysis.common.texts.said import Numeral, joined, say
from analysis.measure.profile.profile import Band, Estimate, Move, Profile


def band_sentences(profile: Profile, labels: Mapping[str, str]) -> list[str]:
    """A sentence for each band: who leads, by how much, in how many queries.

    Args:
        profile: The profile.
        labels: The adapters' labels by name.
    """
    return [_led(band, profile, labels) for band in profile.bands]


def move_sentences(
    profile: Profile, labels: Mapping[str, str], groups: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """A sentence for each step between bands: what changes most, and the kinds of adapters.

    Args:
        profile: The profile.
        labels: The adapters' labels by name.
        groups: Adapters that are named together, by their name in a sentence.
    """
    found = []
    for end in dict.fromkeys(move.end for move in profile.moves):
        moves = [move for move in profile.moves if move.end == end]
        alone = [move for move in moves if len(move.adapters) == 1]
        known = [move for move in alone if move.change.mean == move.change.mean]  # not NaN
        if not known:
            continue
        largest = max(known, key=lambda move: abs(move.change.mean))
        said = [_moved(largest, labels[largest.adapters[0]])]
        for name, adapters in groups.items():
            said += [
                _moved(move, say(name))
                for move in moves
                if move.adapters == adapters and len(adapters) > 1
            ]
        found.append(
            say(
                "From the {start} to the {end} layers: {moves}.",
                start=say(largest.start),
                end=say(end),
                moves=joined("; ", said),
            )
        )
    return found


def _led(band: Band, profile: Profile, labels: Mapping[str, str]) -> str:
    where = say("layers {numbers}", numbers=f"{band.first}–{band.last}")
    if band.first == band.last:
        where = say("layer {number}", number=band.first)
    head = say("{band} ({layers}): ", band=say(band.name.capitalize()), layers=where)
    known = [place for place, one in enumerate(band.weights) if one.mean == one.mean]
    if not known:
        return head + say("the lens saturates in every query, so shares mean nothing.")
    order = sorted(known, key=lambda place: -band.weights[place].mean)
    first = order[0]
    said = head + say(
        "{adapter} has the largest mean weight, {weight}",
        adapter=labels[profile.adapters[first]],
        weight=_spread(band.weights[first]),
    )
    if sum(band.led) > 1:
        said += say(
            ", and leads in {led} of {count} queries", led=band.led[first], count=sum(band.led)
        )
    if len(order) > 1:
        second = order[1]
        said += say(
            "; then {adapter}, {weight}",
            adapter=labels[profile.adapters[second]],
            weight=_spread(band.weights[second]),
        )
    return said + "."


def _moved(move: Move, name: str) -> str:
    change = move.change
    if change.count == 1:
        return say(
            "{name} changes by {change} (no interval: it is read in 1 query only)",
            name=name,
            change=_signed(change.mean),
        )
    clear = change.low > 0 or change.high < 0
    verb = say("{name} does not clearly move", name=name)
    if clear:
        rises = say("{name} rises", name=name)
        verb = rises if change.mean > 0 else say("{name} falls", name=name)
    return say(
        "{verb}, by {change} (95% interval {low} to {high}; up in {rises} of {count} queries)",
        verb=verb,
        change=_signed(change.mean),
        low=_signed(change.low),
        high=_signed(change.high),
        rises=move.rises,
        count=change.count,
    )


def _spread(estimate: Estimate) -> str:
    numbers = (estimate.mean, estimate.spread)
    return joined(" ± ", (Numeral(f"{one:.2f}") for one in numbers if not math.isnan(one)))


def _signed(value: float) -> str:
    written = f"{value:+.2f}"
    return Numeral(written[1:] if float(written) == 0 else written.replace("-", "−"))
