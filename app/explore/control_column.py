"""The column of controls: one entry for each control, at the place where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from analysis.measure.metrics import metrics
from analysis.measure.normalisation import NORMALISATIONS
from analysis.measure.trace import MEAN, POSITIONS
from analysis.models.collection import Collection
from app.explore import answer_controls
from app.explore.controls import AT_ONCE, Controls
from app.state import link_fields, view_settings, what_if
from app.state.link_fields import Field
from app.state.view_settings import SPAN

_STORED = "The stored example has one setting only. Ask the question yourself to change it."

_QUIET = (
    "Trained to change little outside their own domain: a large change means that an adapter fits "
    "the question."
)
_NOT_QUIET = (
    "Not trained to be quiet: a large change can mean a strong adapter or its style, not that it "
    "fits the question."
)


def build(
    controls: Controls, collection: Collection, labels: Mapping[str, str], stored: bool
) -> tuple[gr.Button, gr.Button, gr.Button]:
    """Lays out the column and adds its controls.

    Args:
        controls: Gets the controls.
        collection: The collection of the page.
        labels: The adapters' labels by name.
        stored: Whether the page begins with the stored example.

    Returns:
        The buttons that select all adapters, take back a stroke, and reset the painted weights.
    """
    names = list(labels)
    controls.add(
        "adapters",
        gr.CheckboxGroup(
            [(label, name) for name, label in labels.items()],
            value=names,
            label="Adapters",
            info=_QUIET if collection.quiet else _NOT_QUIET,
            elem_id="adapters",
        ),
        "question",
        Field("adapters", link_fields.some_of(*names), names),
    )
    all_adapters = gr.Button("Select all adapters", size="sm", elem_id="all-adapters")
    show = controls.add(
        "show",
        gr.Radio(
            view_settings.show_choices(pinned=False), value="weights", label="Show", elem_id="show"
        ),
        "view",
        Field("show", link_fields.one_of("weights", "divergence", "what-if"), "weights"),
    )
    with gr.Group(visible=False, elem_classes="what-if") as painting:
        controls.add(
            "brush_weight",
            gr.Slider(0, 2, value=1, step=0.05, label="Weight to paint", elem_id="brush-weight"),
            "what-if",
        )
        controls.add(
            "brush_scope",
            gr.Dropdown(
                [(label, name) for name, label in what_if.SCOPES.items()],
                value="cell",
                label="Cells to paint",
                elem_id="brush-scope",
            ),
            "what-if",
        )
        undo = gr.Button("Undo the last stroke", size="sm", elem_id="undo-painting")
        reset = gr.Button("Reset painted weights", size="sm", elem_id="reset-painting")
    show.change(lambda name: gr.Group(visible=name == "what-if"), show, painting, **AT_ONCE)
    _reading(controls, collection, stored)
    answer_controls.build(controls, labels)
    return all_adapters, undo, reset


def _reading(controls: Controls, collection: Collection, stored: bool) -> None:
    locked: dict[str, Any] = {"interactive": False, "info": _STORED} if stored else {}
    missing = view_settings.lens_note(collection)
    controls.add(
        "lens",
        gr.Radio(
            view_settings.lens_choices(collection),
            value=collection.lens,
            label="Lens",
            elem_id="lens",
            **({"info": missing or None} | locked),
        ),
        "view",
        Field(
            "lens", link_fields.one_of(*view_settings.usable_lenses(collection)), collection.lens
        ),
        locked=True,
        info=missing,
    )
    controls.add(
        "layers",
        gr.Textbox(
            label="Layers",
            placeholder="all, or for example 6–11",
            max_lines=1,
            elem_id="layers",
        ),
        "view",
        Field("layers", link_fields.matching(SPAN), ""),
    )
    with gr.Accordion("More view settings", open=False):
        controls.add(
            "metric",
            gr.Dropdown(
                view_settings.metric_choices(),
                value="kl",
                label="Divergence metric",
                elem_id="metric",
                **locked,
            ),
            "view",
            Field("metric", link_fields.one_of(*metrics()), "kl"),
            locked=True,
        )
        controls.add(
            "position",
            gr.Dropdown(
                view_settings.position_choices(),
                value=collection.position,
                label="Token to read",
                elem_id="position",
                **locked,
            ),
            "view",
            Field("at", link_fields.one_of(*POSITIONS, MEAN), collection.position),
            locked=True,
        )
        normalisation = controls.add(
            "normalisation",
            gr.Dropdown(
                view_settings.normalisation_choices(),
                value=collection.normalisation,
                label="From divergence to weight",
                elem_id="normalisation",
            ),
            "view",
            Field("weigh", link_fields.one_of(*NORMALISATIONS), collection.normalisation),
        )
        softmax_temperature = controls.add(
            "softmax_temperature",
            gr.Slider(
                0.01,
                5,
                value=1,
                step=0.01,
                label="Softmax temperature",
                info="Used by the softmax only.",
                interactive=False,
                elem_id="softmax-temperature",
            ),
            "view",
            Field("softness", link_fields.number(0.01, 5), 1),
        )
    normalisation.change(_tempered, normalisation, softmax_temperature, **AT_ONCE)


def _tempered(normalisation: str) -> gr.Slider:
    return gr.Slider(interactive=NORMALISATIONS[normalisation].uses_temperature)
