"""An inspection in words, for a terminal."""

from __future__ import annotations

from analysis.common.console import one_line
from analysis.models.inspection.inspection import Inspection

_BARS = " ▁▂▃▄▅▆▇█"
_MOST_LINEARS = 40
_RELATIONS = {
    "same": "this base",
    "quantised": "this base in another precision",
    "other": "NOT this base",
    "unknown": "whether that is this base is not known",
}


def report(found: Inspection) -> str:
    """The report of an inspection, line by line."""
    lines = [f"adapter        {found.name}"]
    if found.kind:
        ranks = _range(found.ranks)
        scalings = _range(found.scalings)
        lines.append(
            f"kind           {found.kind}, rank {ranks}, alpha {found.alpha:g}, scaling {scalings}"
        )
    if found.targets:
        lines.append(f"target_modules {found.targets}")
    trained = found.trained_on or "not said"
    relation = f" ({_RELATIONS[found.relation]})" if found.trained_on else ""
    lines.append(f"trained on     {trained}{relation}")
    lines.append(f"license        {found.license or 'not said'}")
    if found.sha256:
        lines.append(f"weights        {found.bytes / 1e6:.1f} MB, SHA-256 {found.sha256}")
        lines.append(f"known by       {found.digest}")
    if found.brings:
        lines.append(f"ignored        {', '.join(found.brings)}: the base's own are used")
    if found.norm is not None:
        lines.append(f"‖ΔW‖           {found.norm:.4g}")
    if found.effective_rank is not None:
        lines.append(
            f"effective rank {found.effective_rank:.1f} on average, of {_range(found.ranks)}"
        )
    lines += _picture(found)
    for other in found.neighbours:
        lines.append(comparison(found, other.name, other.times))
    lines += [f"note           {remark}" for remark in found.remarks]
    lines.append(f"refused        {found.refused}" if found.refused else "It can be mixed.")
    # Names and texts of the files may hold anything, such as a line that reads like ours.
    return "\n".join(map(one_line, lines))


def comparison(found: Inspection, other: str, times: float | None) -> str:
    """How an adapter compares with another, mixed half and half."""
    if times is None:
        return f"beside         {other}, which does nothing"
    if times >= 1:
        return f"beside         {other}: at ½ ½ this one would outweigh it {times:.2g} to 1"
    inverse = f"{1 / times:.2g}" if times else "everything"
    return f"beside         {other}: at ½ ½ it would outweigh this one {inverse} to 1"


def _picture(found: Inspection) -> list[str]:
    """Modules × layers: a bar for ‖ΔW‖, 0 where it does nothing, a dot where it has no tensors."""
    if not found.linears or not found.norms:
        return []
    most = max((one for row in found.norms for one in row if one), default=0.0)
    width = max(len(name) for name in found.linears[:_MOST_LINEARS])
    lines = [f"{'‖ΔW‖ by layer'.ljust(width)}  0–{len(found.norms[0]) - 1}"]
    for name, row in zip(found.linears[:_MOST_LINEARS], found.norms, strict=False):
        bars = "".join("·" if one is None else "0" if not one else _bar(one / most) for one in row)
        lines.append(f"{name.ljust(width)}  {bars}")
    if len(found.linears) > _MOST_LINEARS:
        lines.append(f"… and {len(found.linears) - _MOST_LINEARS} more")
    return lines


def _bar(share: float) -> str:
    return _BARS[max(1, round(share * (len(_BARS) - 1)))]


def _range(values: tuple[float, ...]) -> str:
    if not values:
        return "not known"
    first, last = values[0], values[-1]
    return f"{first:.4g}" if first == last else f"{first:.4g} to {last:.4g}"
