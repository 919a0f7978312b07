"""The controls of answers: who answers, how long, and how tokens are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from analysis.methods import DEFAULT_METHODS
from app.explore.controls import Controls, alone_choices, method_choices
from app.services.answer_service import MOST_ANSWERS
from app.state import link_fields
from app.state.link_fields import Field

_MOST_TOKENS = 256
_SAMPLED = "Needs a temperature above 0."


def build(controls: Controls, labels: Mapping[str, str]) -> None:
    """Lays out and adds the controls.

    Args:
        controls: Gets the controls.
        labels: The adapters' labels by name.
    """
    rules, alone = method_choices(), alone_choices(labels)
    first = [name for _, name in alone[:1]]
    controls.add(
        "methods",
        gr.Dropdown(
            rules,
            value=list(DEFAULT_METHODS),
            multiselect=True,
            label="Answers",
            info=f"Type to search {len(rules)} methods. At most {MOST_ANSWERS} answers fit.",
            elem_id="methods",
        ),
        "answers",
        Field("answers", link_fields.some_of(*(name for _, name in rules)), list(DEFAULT_METHODS)),
    )
    controls.add(
        "alone",
        gr.Dropdown(
            alone,
            value=first,
            multiselect=True,
            label="Adapters that answer alone",
            elem_id="alone",
        ),
        "answers",
        Field("alone", link_fields.some_of(*(name for _, name in alone)), first),
    )
    with gr.Accordion("Answer settings", open=False):
        controls.add(
            "new_tokens",
            gr.Slider(8, _MOST_TOKENS, value=64, step=8, label="Maximum answer length, in tokens"),
            "answers",
            Field("length", link_fields.number(8, _MOST_TOKENS, whole=True), 64),
        )
        controls.add(
            "temperature",
            gr.Slider(
                0,
                2,
                value=0,
                step=0.05,
                label="Temperature",
                info="0 always takes the most probable token.",
                elem_id="temperature",
            ),
            "answers",
            Field("temperature", link_fields.number(0, 2), 0),
        )
        sampled: dict[str, Any] = {"info": _SAMPLED, "interactive": False}
        controls.add(
            "top_p",
            gr.Slider(0.05, 1, value=1, step=0.05, label="Top-p", elem_id="top-p", **sampled),
            "answers",
            Field("top_p", link_fields.number(0.05, 1), 1),
        )
        controls.add(
            "seed",
            gr.Number(0, label="Seed", precision=0, minimum=0, elem_id="seed", **sampled),
            "answers",
            Field("seed", link_fields.number(0, 2**53, whole=True), 0),
        )
    controls.follow("temperature", ["top_p", "seed"], "value > 0")
