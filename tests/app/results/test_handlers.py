"""Every event of the Results tab whose numbers cannot be shown says so."""

from __future__ import annotations

import json
import logging
from typing import Any

import gradio as gr
import pytest

from app.results import layout
from app.results.handlers import Handlers
from app.results.views.items_panel import STEP

NAMES = ("open_tab", "choose_run", "choose_profile", "choose_items", "more_items")


class Broken:
    """A result file whose numbers do not belong together."""

    def __getattr__(self, name: str) -> Any:
        raise KeyError("secret")


@pytest.mark.parametrize("name", NAMES)
def test_numbers_that_cannot_be_shown_end_as_a_message(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with gr.Blocks(analytics_enabled=False):
        parts = layout.build(STEP)
    data = dict.fromkeys(parts.controls.values()) | {parts.shown: STEP}
    with caplog.at_level(logging.ERROR):
        changes = getattr(Handlers(parts, Broken()), name)(data)  # type: ignore[arg-type]
    assert set(changes) == {parts.panels["findings"], parts.body}
    shown = json.loads(changes[parts.panels["findings"]])
    assert shown["state"] == "failed" and "Make the results again" in shown["sentence"]
    assert changes[parts.body].visible is False
    assert "secret" in caplog.text and "secret" not in shown["sentence"]
