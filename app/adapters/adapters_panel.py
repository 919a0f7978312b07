"""The adapters panel: its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.widgets import text
from app.widgets.colours import colour_number
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.models.inspection.inspection import Inspection

_MOST_LINEARS = 24
# Strengths closer than this are even.
_EVEN = 1.05
_RELATIONS = {
    "same": say("this base"),
    "quantised": say("this base in another precision"),
    "other": say("not this base by its name"),
    "unknown": say("not known whether that is this base"),
}


@dataclass(frozen=True)
class AdapterCard:
    """An adapter.

    Attributes:
        name: Its name.
        title: Its label.
        facts: Headings and texts.
        picture: Names of linears, each with its `‖ΔW‖` by layer as a share of the largest one; None
            where it covers nothing.
        caption: What the picture shows, in words.
        remarks: What people should know.
        refused: Why it cannot be mixed; empty if it can.
        colour: The number of its colour; -1 of one that is not in the collection.
        removable: Whether it can be removed.
    """

    name: str
    title: str
    facts: tuple[tuple[str, str], ...]
    picture: tuple[tuple[str, tuple[float | None, ...]], ...] = ()
    caption: str = ""
    remarks: tuple[str, ...] = ()
    refused: str = ""
    colour: int = -1
    removable: bool = False


@dataclass(frozen=True)
class AdaptersPanel:
    """The adapters of the page.

    Attributes:
        sentence: What the tab shows, or why it shows nothing yet.
        cards: The adapters of the collection.
        inspected: The adapter that was inspected last; None without.
        message: What became of the last action.
        failed: Whether the message is of a failure.
        open: An address to go to; empty to stay.
        number: Number of the content: a panel ignores contents that equal the contents before.
    """

    sentence: str
    cards: tuple[AdapterCard, ...] = ()
    inspected: AdapterCard | None = None
    message: str = ""
    failed: bool = False
    open: str = ""
    number: int = 0


def adapter_card(
    found: Inspection, label: str, place: int, others: Sequence[tuple[str, float]], removable: bool
) -> AdapterCard:
    """The card of an adapter.

    Args:
        found: What is known of it.
        label: Its label.
        place: Its place in the collection, or -1.
        others: Label and `‖ΔW‖` of the other adapters.
        removable: Whether it can be removed.
    """
    # Of an adapter that a visitor gave, the visitor knows the folder.
    told = text.plain if place < 0 else _without_folders
    facts = [(say("Kind"), _kind(found))] if found.kind else []
    if found.effective_rank is not None:
        facts.append(
            (
                say("Effective rank"),
                say(
                    "{rank} on average, of {ranks}",
                    rank=text.fixed(found.effective_rank, 1),
                    ranks=_range(found.ranks),
                ),
            )
        )
    if found.norm is not None:
        compared = beside(found.norm, others)
        strength = joined(" ", [one for one in (text.digits(found.norm, 3) + ".", compared) if one])
        facts.append((say("Strength ‖ΔW‖"), strength))
    relation = _RELATIONS[found.relation]
    trained = joined("", (found.trained_on, " (", relation, ")")) if found.trained_on else ""
    unsaid = say("Its files do not say.")
    facts.append((say("Trained on"), trained or unsaid))
    facts.append((say("Licence"), found.license or unsaid))
    if found.targets:
        facts.append(("target_modules", found.targets))
    if found.brings:
        brought = ", ".join(found.brings)
        facts.append((say("Not used"), say("{parts}: the base's own are used.", parts=brought)))
    if found.digest:
        facts.append((say("Fingerprint"), found.digest))
    most = max((one for row in found.norms for one in row if one), default=0.0)
    picture = tuple(
        (
            text.plain(linear),
            tuple(None if one is None else round(one / most, 3) if most else 0.0 for one in row),
        )
        for linear, row in zip(found.linears[:_MOST_LINEARS], found.norms, strict=False)
    )
    return AdapterCard(
        name=found.name,
        title=text.short(text.plain(label), 160),
        facts=tuple((heading, text.plain(fact)) for heading, fact in facts),
        picture=picture if found.norm is not None else (),
        caption=_caption(found),
        remarks=tuple(told(remark) for remark in found.remarks),
        refused=told(found.refused),
        colour=-1 if place < 0 else colour_number(place),
        removable=removable,
    )


def beside(norm: float, others: Sequence[tuple[str, float]]) -> str:
    """How an adapter compares with the others, mixed half and half, in a sentence or two."""
    parts = []
    stronger = [(label, size / norm) for label, size in others if norm and size > _EVEN * norm]
    weaker = [(label, norm / size) for label, size in others if 0 < _EVEN * size < norm]
    if weaker:
        label, times = max(weaker, key=lambda one: one[1])
        said = say(
            "At equal weights it would outweigh {adapter} {times} to 1.",
            adapter=label,
            times=text.digits(times, 2),
        )
        parts.append(said)
    if stronger:
        label, times = max(stronger, key=lambda one: one[1])
        said = say(
            "At equal weights {adapter} would outweigh it {times} to 1.",
            adapter=label,
            times=text.digits(times, 2),
        )
        parts.append(said)
    if not parts and norm and any(size for _, size in others):
        return say("The other adapters are about as strong.")
    return joined(" ", parts)


def _without_folders(said: str) -> str:
    return text.without_folders(text.plain(said))


def _kind(found: Inspection) -> str:
    parts = [found.kind, say("rank {rank}", rank=_range(found.ranks))]
    if found.alpha is not None:
        parts.append(f"alpha {found.alpha:g}")
    return joined(", ", (*parts, say("scaling {scaling}", scaling=_range(found.scalings))))


def _caption(found: Inspection) -> str:
    cells = [one for row in found.norms for one in row]
    covered = sum(one is not None for one in cells)
    layers = len(found.norms[0]) if found.norms else 0
    return say(
        "It changes {some} of {all} linear maps in {layers} layers. A fuller colour is a larger "
        "‖ΔW‖; a ring is one without a change.",
        some=covered,
        all=len(cells),
        layers=layers,
    )


def _range(values: Sequence[float]) -> str:
    if not values:
        return say("not known")
    first, last = text.digits(values[0], 3), text.digits(values[-1], 3)
    return first if first == last else say("{first} to {last}", first=first, last=last)
