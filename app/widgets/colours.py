"""Colours: one scale for each meaning, one colour for each adapter."""

from __future__ import annotations

import itertools

Scale = list[tuple[float, str]]

# Each scale changes in lightness alone or lies on the blue–orange axis, so that it can be read
# with any colour vision. The dark one begins at the dark page's colour as the light one at white.
SCALES: dict[str, dict[str, Scale]] = {
    "weights": {
        "light": [(0, "#f6f6f7"), (0.25, "#cdd7f7"), (0.5, "#8ea3ea"), (1, "#22348f")],
        "dark": [(0, "#1e1f24"), (0.25, "#2b3874"), (0.75, "#5d78e6"), (1, "#dbe3ff")],
    },
    # As the weights up to 1, half of what can be painted; beyond it, towards orange.
    "painted": {
        "light": [(0, "#f6f6f7"), (0.125, "#cdd7f7"), (0.25, "#8ea3ea"), (0.5, "#22348f"),
                  (0.53, "#6d4a63"), (1, "#c05f0a")],
        "dark": [(0, "#1e1f24"), (0.125, "#2b3874"), (0.375, "#5d78e6"), (0.5, "#dbe3ff"),
                 (0.53, "#ffe0c2"), (1, "#ff9a3c")],
    },
    "divergence": {
        "light": [(0, "#faf6f0"), (0.35, "#ecd2a8"), (0.7, "#c0782c"), (1, "#5e2c08")],
        "dark": [(0, "#221d18"), (0.35, "#5c3d1a"), (0.7, "#c58538"), (1, "#ffe9c7")],
    },
    "difference": {
        "light": [(0, "#b35806"), (0.25, "#f1a340"), (0.5, "#f6f6f7"), (0.75, "#8ea3ea"),
                  (1, "#22348f")],
        "dark": [(0, "#ffb366"), (0.25, "#a8601a"), (0.5, "#1e1f24"), (0.75, "#5069cc"),
                 (1, "#cdd7ff")],
    },
    # As the weights above 0; below it, towards orange.
    "signed weights": {
        "light": [(0, "#b35806"), (0.25, "#f1a340"), (0.5, "#f6f6f7"), (0.625, "#cdd7f7"),
                  (0.75, "#8ea3ea"), (1, "#22348f")],
        "dark": [(0, "#ffb366"), (0.25, "#a8601a"), (0.5, "#1e1f24"), (0.625, "#2b3874"),
                 (0.875, "#5d78e6"), (1, "#dbe3ff")],
    },
    # Cells whose numbers mean little: without hue, and hatched.
    "grey": {
        "light": [(0, "#f0f0f2"), (1, "#d9dae0")],
        "dark": [(0, "#1f2128"), (1, "#3c404c")],
    },
    "grey difference": {
        "light": [(0, "#d9dae0"), (0.5, "#f0f0f2"), (1, "#d9dae0")],
        "dark": [(0, "#3c404c"), (0.5, "#1f2128"), (1, "#3c404c")],
    },
}  # fmt: skip

# The lines that hatch such cells: lighter than the ink on them, so that texts stay easy to read.
HATCH = {"light": "#b9bcc6", "dark": "#565b69"}

# Okabe and Ito's palette, in an order that keeps neighbours apart in lightness too.
LINES = {
    "light": ["#22348f", "#d55e00", "#00805f", "#b0568c", "#8a6d00", "#2b87c4", "#5c5f66"],
    "dark": ["#93a8ff", "#ff9d5c", "#4fd0a5", "#eba3cc", "#e8cf5a", "#79c5f2", "#b4b8c2"],
}


def colour_number(place: int) -> int:
    """The number of an adapter's colour: after the last colour, the first comes again.

    Args:
        place: The adapter's place in its collection.
    """
    return place % len(LINES["light"])


def adapter_colours() -> str:
    """A style sheet with the adapters' colours by their numbers: `--adapter-0` is the first."""
    rules = {":root": "light", ".dark": "dark"}
    return "".join(
        f"{selector}{{{''.join(f'--adapter-{i}:{c};' for i, c in enumerate(LINES[mode]))}}}"
        for selector, mode in rules.items()
    )


def colour(scale: Scale, share: float) -> str:
    """The colour of a scale at a share from 0 to 1, as Plotly mixes it."""
    share = min(max(share, 0.0), 1.0)
    (low, first), (high, second) = next(
        pair for pair in itertools.pairwise(scale) if share <= pair[1][0]
    )
    part = (share - low) / (high - low)
    mixed = (a + part * (b - a) for a, b in zip(_parts(first), _parts(second), strict=True))
    return "#" + "".join(f"{round(one):02x}" for one in mixed)


def ink(colour: str) -> str:
    """Black or white, whichever is easier to read on a colour: a contrast of at least 4.5."""
    return max(("#000000", "#ffffff"), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21, as the Web Content Accessibility Guidelines have it."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in _parts(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parts(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
