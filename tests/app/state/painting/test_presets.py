"""Presets of what-if weights."""

from __future__ import annotations

from app.state.painting.presets import presets
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot

WEIGHTS = ((0.5, 0.3, 0.2),) * 6
NAMES = ("math", "es", "code")
LABELS = ("Mathematics", "Spanish", "Code")
SNAPSHOT = Snapshot("1", "q", NAMES, LABELS, WEIGHTS, WEIGHTS, (0.5,) * 6, ViewSettings())


def test_presets_name_the_adapters_that_lead() -> None:
    assert [one.label for one in presets(SNAPSHOT)] == [
        "All adapters alike, 1/3 each",
        "Mathematics alone from layer 2",
        "Mathematics up to layer 1, then Spanish",
    ]


def test_a_preset_is_painted_and_taken_back_at_once() -> None:
    session = Session()
    session.show(SNAPSHOT)
    assert session.paint_preset(1) and session.what_if is not None
    assert session.what_if.weights == (*WEIGHTS[:2], *((1.0, 0.0, 0.0),) * 4)
    assert session.paint_preset(2)
    assert session.what_if.weights == (*((1.0, 0.0, 0.0),) * 2, *((0.0, 1.0, 0.0),) * 4)
    session.undo_painting()
    assert session.what_if.weights == (*WEIGHTS[:2], *((1.0, 0.0, 0.0),) * 4)
    assert not session.paint_preset(3)
