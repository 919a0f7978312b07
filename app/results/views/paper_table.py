"""The paper's own numbers, beside which ours can be read."""

from __future__ import annotations

from app.results.views.score_table import Cell, ScoreRow, ScoreTable
from app.widgets.words.said import Numeral, say

# Averages over the nine tasks; LoRAHub is not reported for the second model.
_AVERAGES = {
    "Static": ("20.4", "38.5"),
    "Centroid similarity": ("18.8", "34.4"),
    "LoRAHub (trained)": ("26.4", "–"),
    "LoRA-Flow (trained)": ("30.9", "46.1"),
    "qa-FLoRA": ("25.8", "44.2"),
}


def paper_table() -> ScoreTable:
    """The averages that a summary of the paper reports, labelled as the paper's."""
    return ScoreTable(
        title=say("The paper's numbers, on the paper's models"),
        tag=say("not measured here"),
        sentence=say(
            "Averages over the paper's nine tasks, in %. The models have 7 and 8 billion "
            "parameters, the items differ from ours, and the paper always fuses two adapters: "
            "compare the order of the methods, not the numbers."
        ),
        corner=say("Method"),
        groups=(),
        columns=(Cell("LLaMA-2-7B"), Cell("LLaMA-3-8B")),
        rows=tuple(
            ScoreRow(Cell(say(method)), tuple(Cell(Numeral(value)) for value in values))
            for method, values in _AVERAGES.items()
        ),
        note=say("From a summary of arXiv 2512.11366; not checked against the paper itself."),
    )
