"""The check of a lens as a figure and as a table."""

from __future__ import annotations

import math
from html import escape

from analysis.training.lenses.controls import LensCheck

_WIDTH, _HEIGHT = 800, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 230, 20, 48
# Okabe and Ito's colours, which people with colour blindness can tell apart; thick lines are
# lenses, thin dashed ones controls.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def figure(check: LensCheck) -> str:
    """Median ranks by layer, as an SVG with a logarithmic axis."""
    layers = len(next(iter(check.ranks.values())))
    decades = max(1, math.ceil(math.log10(max(max(row) for row in check.ranks.values()))))

    def x(layer: float) -> float:
        return _LEFT + layer / max(1, layers - 1) * (_WIDTH - _LEFT - _RIGHT)

    def y(rank: float) -> float:
        return _TOP + (1 - math.log10(rank) / decades) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="13">',
        "<title>Median rank of the model's own next token by layer</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for decade in range(decades + 1):
        at = y(10**decade)
        parts += [
            f'<path d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}" stroke="#dddddd"/>',
            f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10**decade:,}</text>',
        ]
    parts += [
        f'<text x="{x(layer):.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">{layer}</text>'
        for layer in range(0, layers, max(1, layers // 9))
    ]
    parts.append(
        f'<text x="{x((layers - 1) / 2):.1f}" y="{_HEIGHT - 8}" text-anchor="middle">layer</text>'
    )
    for number, (name, ranks) in enumerate(check.ranks.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        stroke = (
            'stroke-width="2.5"'
            if name in check.saturated
            else 'stroke-width="1.5" stroke-dasharray="5 4"'
        )
        points = " ".join(f"{x(layer):.1f},{y(rank):.1f}" for layer, rank in enumerate(ranks))
        at = _TOP + 12 + 22 * number
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" {stroke}/>',
            f'<path d="M{_WIDTH - _RIGHT + 14} {at - 4}h24" stroke="{colour}" {stroke}/>',
            f'<text x="{_WIDTH - _RIGHT + 44}" y="{at}">{escape(name)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def tables(check: LensCheck) -> str:
    """The median ranks, and how many layers saturate, as two tables in Markdown."""
    names = list(check.ranks)
    lines = [f"| layer | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [
        f"| {layer} | {' | '.join(f'{rank:,.0f}' for rank in row)} |"
        for layer, row in enumerate(zip(*check.ranks.values(), strict=True))
    ]
    lines += ["", "| lens | saturated layers of a state, on average | layers that ever saturate |"]
    lines.append("|---|---|---|")
    for name, shares in check.saturated.items():
        ever = [str(layer) for layer, share in enumerate(shares) if share]
        lines.append(f"| {name} | {sum(shares):.2f} | {', '.join(ever) or 'none'} |")
    return "\n".join(lines)
