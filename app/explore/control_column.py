"""The column of controls: one entry for each control, at the place where it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr

from analysis.measure.metrics import metrics
from analysis.measure.normalisation import NORMALISATIONS
from analysis.measure.signals import DIVERGENCE, signals
from analysis.models.collection import Collection
from app.explore import answer_controls
from app.explore.controls import AT_ONCE, Controls
from app.state import link_fields
from app.state.link_fields import Field
from app.state.painting.what_if import SCOPES
from app.state.settings import choices
from app.state.settings.layer_span import SPAN
from app.state.settings.view_settings import SHOWN, ViewSettings

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
    quiet = _QUIET if collection.quiet else _NOT_QUIET
    controls.add(
        "adapters",
        gr.CheckboxGroup(
            [(label, name) for name, label in labels.items()],
            value=names,
            label="Adapters",
            info=quiet,
            elem_id="adapters",
        ),
        "question",
        Field("adapters", link_fields.some_of(*names), names),
        info=quiet,
    )
    all_adapters = gr.Button("Select all adapters", size="sm", elem_id="all-adapters")
    show = controls.add(
        "show",
        gr.Radio(choices.show_choices(pinned=False), value="weights", label="Show", elem_id="show"),
        "view",
        Field("show", link_fields.one_of(*SHOWN), "weights"),
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
                [(label, name) for name, label in SCOPES.items()],
                value="cell",
                label="Cells to paint",
                filterable=False,
                elem_id="brush-scope",
            ),
            "what-if",
        )
        undo = gr.Button("Undo the last stroke", size="sm", elem_id="undo-painting")
        reset = gr.Button("Reset painted weights", size="sm", elem_id="reset-painting")
    show.change(lambda name: gr.Group(visible=name == "what-if"), show, painting, **AT_ONCE)
    _relevance(controls, stored)
    _reading(controls, collection, stored)
    _follow_signal(controls)
    answer_controls.build(controls, labels)
    return all_adapters, undo, reset


def _relevance(controls: Controls, stored: bool) -> None:
    locked: dict[str, Any] = {"interactive": False} if stored else {}
    controls.add(
        "signal",
        gr.Dropdown(
            choices.signal_choices(),
            value=DIVERGENCE,
            label="Signal of relevance",
            info=_STORED if stored else signals()[DIVERGENCE].summary,
            filterable=False,
            elem_id="signal",
            **locked,
        ),
        "view",
        Field("signal", link_fields.one_of(*signals()), DIVERGENCE),
        locked=True,
        info=signals()[DIVERGENCE].summary,
    )
    controls.add(
        "relative",
        gr.Checkbox(
            False,
            label="Relative to each adapter's usual",
            elem_id="relative",
            **locked,
        ),
        "view",
        Field("relative", link_fields.flag, False),
        locked=True,
    )


def _follow_signal(controls: Controls) -> None:
    """Greys the controls that the signal does not use, and names it where it is shown."""
    signal, relative = controls["signal"], controls["relative"]
    following = [controls[name] for name in ("lens", "metric", "position", "signal")]
    gr.on(
        [signal.change, relative.change],  # type: ignore[attr-defined]
        _followed,
        [signal, relative, controls["position"]],
        following,
        **AT_ONCE,
    )


def _followed(name: str, relative: bool, position: str) -> list[Any]:
    used = ViewSettings(signal=name, relative=relative, position=position).readable
    return [
        gr.update(interactive=used.uses("lens")),
        gr.update(interactive=used.uses("metric")),
        # All choices stay: Gradio would refuse an event that is on its way with one of them.
        gr.update(interactive=used.uses("position"), value=used.position),
        gr.update(info=signals()[name].summary),
    ]


def _reading(controls: Controls, collection: Collection, stored: bool) -> None:
    locked: dict[str, Any] = {"interactive": False, "info": _STORED} if stored else {}
    missing = choices.lens_note(collection)
    controls.add(
        "lens",
        gr.Radio(
            choices.lens_choices(collection),
            value=collection.lens,
            label="Lens",
            elem_id="lens",
            **({"info": missing or None} | locked),
        ),
        "view",
        Field("lens", link_fields.one_of(*choices.usable_lenses(collection)), collection.lens),
        locked=True,
        info=missing,
    )
    controls.add(
        "layers",
        gr.Textbox(
            label="Layers",
            placeholder="all, or 6–11",
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
                choices.metric_choices(),
                value="kl",
                label="Divergence metric",
                filterable=False,
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
                choices.position_choices(),
                value=collection.position,
                label="Token to read",
                filterable=False,
                elem_id="position",
                **locked,
            ),
            "view",
            Field("at", choices.read_position, collection.position),
            locked=True,
        )
        controls.add(
            "normalisation",
            gr.Dropdown(
                choices.normalisation_choices(),
                value=collection.normalisation,
                label="From divergence to weight",
                filterable=False,
                elem_id="normalisation",
            ),
            "view",
            Field("weigh", link_fields.one_of(*NORMALISATIONS), collection.normalisation),
        )
        controls.add(
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
    tempered = [name for name, rule in NORMALISATIONS.items() if rule.uses_temperature]
    used = f"{json.dumps(tempered)}.includes(value)"
    controls.follow("normalisation", ["softmax_temperature"], used)
