"""Texts of like length in one pass: little padding, and no pass too large."""

from __future__ import annotations

from collections.abc import Sequence


def grouped_by_length(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """Places of texts of ascending length, as many together as a pass holds.

    Args:
        lengths: The length of each text, in tokens.
        tokens: The most tokens of a pass, padding included; a longer text is alone in its pass.
    """
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        if groups and (len(groups[-1]) + 1) * lengths[place] <= tokens:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups
