"""The Explore tab: its layout and its wiring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from analysis.collection import Collection
from analysis.methods import methods
from app import answers, views
from app.asking import REFERENCE, Asker, Asking, Look
from app.examples import load_examples
from app.loader import Loader
from app.panels import encode, panel
from app.session import Session

TITLE = "Explore"

_WELCOME = "Ask a question to see which adapter speaks at which layer."
_LENSES = [("Normalised", "norm"), ("Raw, as in the paper", "raw")]
_SHOWN = [("Weights", "weights"), ("Divergence", "divergence")]
# Rows of the tab's decoding share the engine, so a few visitors at a time are served at once.
_VISITORS = 4
_NO_ADAPTER = ""


def build(collection: Collection, loader: Loader) -> None:
    """Lays out the tab and wires it, inside the page's `gr.Blocks`."""
    labels = views.labels_of(collection)
    asker = Asker(loader, labels)
    session = gr.State(Session())
    examples = load_examples()

    with gr.Row(elem_classes="ask"):
        query = gr.Textbox(
            label="Query",
            placeholder="Ask something that needs two adapters at once",
            lines=1,
            max_lines=8,
            elem_id="query",
            scale=1,
        )
        ask = gr.Button("Ask", variant="primary", elem_id="ask", scale=0, min_width=96)
        stop = gr.Button("Stop", interactive=False, elem_id="stop", scale=0, min_width=96)
    chips = panel("chips", [vars(example) for example in examples], events=("chip",))
    status = panel("status", views.status("idle", ""), elem_id="status")
    prompt = panel("prompt", views.prompt(None), elem_id="prompt")

    with gr.Row(elem_classes="workspace"):
        with gr.Column(elem_classes="controls", scale=0, min_width=232):
            chosen = gr.CheckboxGroup(
                [(label, name) for name, label in labels.items()],
                value=list(labels),
                label="Adapters",
                elem_id="adapters",
            )
            shown = gr.Radio(_SHOWN, value="weights", label="Show", elem_id="show")
            lens = gr.Radio(_LENSES, value=collection.lens, label="Lens", elem_id="lens")
            rules = gr.CheckboxGroup(
                [(rule.label, rule.name) for rule in methods().values() if rule.name != "adapter"],
                value=["base", "static", "sum", REFERENCE],
                label="Answers",
                elem_id="methods",
            )
            alone = gr.Dropdown(
                [("No adapter alone", _NO_ADAPTER)]
                + [(f"{label} alone", f"adapter:{name}") for name, label in labels.items()],
                value=f"adapter:{next(iter(labels))}" if labels else _NO_ADAPTER,
                show_label=False,
                label="One adapter alone",
                elem_id="alone",
            )
            with gr.Accordion("Settings", open=False):
                length = gr.Slider(8, 256, value=64, step=8, label="Longest answer, in tokens")
                temperature = gr.Slider(0, 2, value=0, step=0.05, label="Temperature")
                top_p = gr.Slider(0.05, 1, value=1, step=0.05, label="Top-p")
                seed = gr.Number(0, label="Seed", precision=0, minimum=0)
        with gr.Column(elem_classes="main", scale=1, min_width=280):
            grid = panel("grid", views.empty_grid(_WELCOME), events=("cell",), elem_id="grid")
    sheet = panel("answers", answers.empty(), elem_id="answers")

    parts = {"status": status, "prompt": prompt, "grid": grid, "answers": sheet}
    looks = [lens, shown]
    settings = [rules, alone, length, temperature, top_p, seed]

    def updates(changes: dict[str, Any]) -> dict[gr.Component, Any]:
        made: dict[gr.Component, Any] = {
            parts[name]: encode(value) for name, value in changes.items() if name in parts
        }
        if "busy" in changes:
            made[stop] = gr.Button(interactive=changes["busy"])
            made[ask] = gr.Button(interactive=not changes["busy"])
        return made

    def on_ask(
        session: Session, query: str, adapters: list[str], lens: str, show: str, *given: Any
    ) -> Iterator[dict[gr.Component, Any]]:
        look = Look(lens, show)
        for changes in asker.ask(session, query, adapters, look, lambda: _asking(*given)):
            yield updates(changes)

    def on_chip(event: gr.EventData) -> str:
        return examples[int(event.index) % len(examples)].query

    def on_look(session: Session, lens: str, show: str) -> dict[gr.Component, Any]:
        return updates(asker.look(session, Look(lens, show)))

    asking: dict[str, Any] = {
        "fn": on_ask,
        "inputs": [session, query, chosen, *looks, *settings],
        "outputs": [*parts.values(), ask, stop],
        "show_progress": "hidden",
        "concurrency_id": "model",
        "concurrency_limit": _VISITORS,
    }
    ask.click(**asking)
    query.submit(**asking)
    chips.chip(on_chip, None, query, show_progress="hidden", queue=False).then(**asking)
    stop.click(Session.stop, session, None, show_progress="hidden", queue=False)
    for control in looks:
        control.input(
            on_look,
            [session, *looks],
            [grid],
            show_progress="hidden",
            trigger_mode="always_last",
            concurrency_id="look",
            concurrency_limit=_VISITORS,
        )


def _asking(
    rules: list[str], alone: str, length: float, temperature: float, top_p: float, seed: float
) -> Asking:
    """The settings of the answers, from the controls' values."""
    from analysis.decoding import Sampling  # imports what the page need not wait for

    names = [name for name in methods() if name in rules]
    if alone != _NO_ADAPTER:
        names.append(alone)
    return Asking(tuple(names), int(length), Sampling(temperature, top_p, int(seed or 0)))
