"""The column of controls: what to run, how to look at it, how to answer."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from analysis.measure.lenses import lenses
from analysis.measure.metrics import metrics
from analysis.measure.normalisation import NORMALISATIONS
from analysis.measure.trace import MEAN, POSITIONS
from analysis.methods import methods
from analysis.models.manifest import Collection
from app.explore.answer_service import MOST_ANSWERS, REFERENCE
from app.state import link_fields, view_settings, what_if
from app.state.examples import Example
from app.state.link_fields import Field
from app.state.run import AnswerSettings
from app.state.view_settings import SPAN, ViewSettings
from app.widgets.labels import labels_of

_ALONE = "adapter"
_ANSWERED = ("base", "static", "sum", REFERENCE)
_LONGEST = 256
LOOKS = 7
"""How many of the controls are those of a look; they follow query and adapters."""

_STORED = "The stored example is read in one way: ask the question yourself to read it in others."
_DRAWN = "Only at a temperature above 0."


@dataclass(frozen=True)
class Controls:
    """The controls that others listen to.

    Attributes:
        adapters: Names of the adapters to trace.
        all: Chooses all of them; shown where some are not.
        show: What the grid shows.
        view_settings: The controls of a look, in the order of `look_of`.
        reading: Those among them that the stored example does without.
        answer_settings: The controls of the answers, in the order of `answer_settings_of`.
        alone: The one among them for adapters alone.
        brush: Weight and scope of the what-if brush.
        reset: Forgets what was painted.
    """

    adapters: gr.CheckboxGroup
    all: gr.Button
    show: gr.Radio
    view_settings: list[Any]
    reading: list[Any]
    answer_settings: list[Any]
    alone: gr.Dropdown
    brush: list[Any]
    reset: gr.Button

    @property
    def view_events(self) -> list[Any]:
        """The events by which the look changes."""
        events = []
        for control in self.view_settings:
            match control:
                case gr.Slider():
                    events.append(control.release)
                case gr.Textbox():
                    events += [control.submit, control.blur]
                case _:
                    events.append(control.input)
        return events


def build(collection: Collection, stored: bool = False) -> Controls:
    """Lays out the column.

    Args:
        collection: What it controls.
        stored: Whether the page begins with the stored example, which is read in one way.
    """
    reading: dict[str, Any] = {"interactive": False, "info": _STORED} if stored else {}
    labels = labels_of(collection)
    adapters = gr.CheckboxGroup(
        [(label, name) for name, label in labels.items()],
        value=list(labels),
        label="Adapters",
        elem_id="adapters",
    )
    everything = gr.Button("All adapters", size="sm", elem_id="all")
    show = gr.Radio(
        view_settings.show_choices(pinned=False), value="weights", label="Show", elem_id="show"
    )
    with gr.Group(visible=False, elem_classes="what-if") as brush:
        weight = gr.Slider(0, 2, value=1, step=0.05, label="Paint the weight", elem_id="brush")
        scope = gr.Dropdown(
            [(said, name) for name, said in what_if.SCOPES.items()],
            value="cell",
            label="in",
            elem_id="scope",
        )
        reset = gr.Button("Begin anew", size="sm", elem_id="unpaint")
    lens = gr.Radio(
        view_settings.lens_choices(), value=collection.lens, label="Lens", elem_id="lens", **reading
    )
    span = gr.Textbox(label="Layers", placeholder="all, or 6–11", max_lines=1, elem_id="span")
    with gr.Accordion("More ways to read", open=False):
        metric = gr.Dropdown(
            view_settings.metric_choices(), value="kl", label="Metric", elem_id="metric", **reading
        )
        position = gr.Dropdown(
            view_settings.position_choices(),
            value="query",
            label="Read at",
            elem_id="position",
            **reading,
        )
        normalisation = gr.Dropdown(
            view_settings.normalisation_choices(),
            value="sum",
            label="From divergence to weight",
            elem_id="normalisation",
        )
        temperature = gr.Slider(
            0.01,
            5,
            value=1,
            step=0.01,
            label="Temperature of the softmax",
            info="Only the softmax has one.",
            interactive=False,
            elem_id="softness",
        )
    rules = gr.CheckboxGroup(
        [(rule.label, rule.name) for rule in methods().values() if rule.name != _ALONE],
        value=list(_ANSWERED),
        label="Answers",
        info=f"At most {MOST_ANSWERS} side by side.",
        elem_id="methods",
    )
    alone = gr.Dropdown(
        [(f"{label} alone", f"{_ALONE}:{name}") for name, label in labels.items()],
        value=[f"{_ALONE}:{name}" for name in list(labels)[:1]],
        multiselect=True,
        show_label=False,
        label="Adapters alone",
        elem_id="alone",
    )
    with gr.Accordion("How to answer", open=False):
        length = gr.Slider(8, _LONGEST, value=64, step=8, label="Longest answer, in tokens")
        heat = gr.Slider(
            0, 2, value=0, step=0.05, label="Temperature; 0 takes the likeliest", elem_id="heat"
        )
        drawn: dict[str, Any] = {"info": _DRAWN, "interactive": False}
        top_p = gr.Slider(0.05, 1, value=1, step=0.05, label="Top-p", elem_id="top-p", **drawn)
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, elem_id="seed", **drawn)
    # On every change, whether by hand or by a link.
    at_once: dict[str, Any] = {
        "show_progress": "hidden",
        "queue": False,
        "trigger_mode": "always_last",
    }
    show.change(lambda name: gr.Group(visible=name == "what-if"), show, brush, **at_once)
    normalisation.change(_softness, normalisation, temperature, **at_once)
    heat.change(_drawing, heat, [top_p, seed], **at_once)
    return Controls(
        adapters=adapters,
        all=everything,
        show=show,
        view_settings=[lens, show, position, metric, normalisation, temperature, span],
        reading=[lens, position, metric],
        answer_settings=[rules, alone, length, heat, top_p, seed],
        alone=alone,
        brush=[weight, scope],
        reset=reset,
    )


def _softness(normalisation: str) -> gr.Slider:
    return gr.Slider(interactive=NORMALISATIONS[normalisation].uses_temperature)


def _drawing(heat: float) -> tuple[gr.Slider, gr.Number]:
    return gr.Slider(interactive=heat > 0), gr.Number(interactive=heat > 0)


def alone_beside(example: Example, alone: list[str], names: Container[str]) -> list[str]:
    """Which adapters are heard alone beside an example: its own, unless none is to be heard."""
    if not alone or example.alone not in names:
        return alone
    return [f"{_ALONE}:{example.alone}"]


def fields(collection: Collection) -> list[Field]:
    """Query, adapters, look and answers as they stand in a permalink, in the controls' order."""
    names = [adapter.name for adapter in collection.adapters]
    rules = [name for name in methods() if name != _ALONE]
    alone = [f"{_ALONE}:{name}" for name in names]
    return [
        Field("q", link_fields.query, ""),
        Field("adapters", link_fields.some_of(*names), names),
        Field("lens", link_fields.one_of(*lenses()), collection.lens),
        Field("show", link_fields.one_of("weights", "divergence", "what-if"), "weights"),
        Field("at", link_fields.one_of(*POSITIONS, MEAN), "query"),
        Field("metric", link_fields.one_of(*metrics()), "kl"),
        Field("weigh", link_fields.one_of(*NORMALISATIONS), "sum"),
        Field("softness", link_fields.number(0.01, 5), 1),
        Field("layers", link_fields.like(SPAN), ""),
        Field("answers", link_fields.some_of(*rules), list(_ANSWERED)),
        Field("alone", link_fields.some_of(*alone), alone[:1]),
        Field("length", link_fields.number(8, _LONGEST, whole=True), 64),
        Field("temperature", link_fields.number(0, 2), 0),
        Field("top_p", link_fields.number(0.05, 1), 1),
        Field("seed", link_fields.number(0, 2**53, whole=True), 0),
    ]


def settings(
    fields: Sequence[Field],
    query: str,
    adapters: Sequence[str],
    view_settings: ViewSettings,
    answer_settings: AnswerSettings | None,
) -> list[Any]:
    """The values of `fields` that bring back what is shown; of the answers, where there are any."""
    # A pin is in no link, so neither is the difference to it.
    show = "weights" if view_settings.show == "difference" else view_settings.show
    seen_as: list[Any] = [view_settings.lens, show, view_settings.position, view_settings.metric]
    seen_as += [view_settings.normalisation, view_settings.temperature, view_settings.span]
    given = [query, list(adapters), *seen_as]
    if answer_settings is None:
        return [*given, *(field.default for field in fields[len(given) :])]
    rules = [name for name in answer_settings.methods if ":" not in name]
    alone = [name for name in answer_settings.methods if ":" in name]
    heat = answer_settings.sampling
    return [
        *given,
        rules,
        alone,
        answer_settings.new_tokens,
        heat.temperature,
        heat.top_p,
        heat.seed,
    ]


def view_settings_of(*values: Any) -> ViewSettings:
    """The look that the controls' values make."""
    lens, show, position, metric, normalisation, temperature, span = values
    return ViewSettings(
        lens, show, position, metric, normalisation, float(temperature or 1), span or ""
    )


def answer_settings_of(view_settings: ViewSettings, *values: Any) -> AnswerSettings:
    """How to answer, from the controls' values."""
    from analysis.inference.decoding.sampling import (
        Sampling,  # imports what the page need not wait for
    )

    rules, alone, length, heat, top_p, seed = values
    names = [name for name in methods() if name in rules]
    sampling = Sampling(float(heat), float(top_p), int(seed or 0))
    return AnswerSettings((*names, *alone), int(length), sampling, view_settings.lens)
