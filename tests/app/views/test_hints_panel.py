import dataclasses

from app.state.run import Run
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot
from app.views import hints_panel

NEED_RUN = ("every-token", "check-variants", "check-copies")
SNAPSHOT = Snapshot("1", "q", ("a",), ("A",), ((1.0,),), ((1.0,),), (0.5,), ViewSettings())


def _session(**given: object) -> Session:
    return dataclasses.replace(Session(), **given)


def test_before_anything_was_asked_only_asking_can_be_done() -> None:
    reasons = hints_panel.disabled_buttons(Session())
    assert set(reasons) == {"stop", "pin", "answer-shown", *NEED_RUN}
    assert all(reasons.values())


def test_the_stored_example_can_be_pinned_and_answered_and_says_what_it_lacks() -> None:
    reasons = hints_panel.disabled_buttons(_session(snapshot=SNAPSHOT))
    assert set(reasons) == {"stop", *NEED_RUN}
    assert "stored example" in reasons["every-token"]
    assert hints_panel.hints_panel(reasons).written == NEED_RUN


def test_while_something_runs_it_can_be_stopped_and_nothing_else_begins() -> None:
    run = Run(1, "q", None, (), None, None, None)  # type: ignore[arg-type]
    session = _session(snapshot=SNAPSHOT, run=run)
    session.begin()
    assert set(hints_panel.disabled_buttons(session)) == {"ask", "answer-shown", *NEED_RUN}
    assert (
        hints_panel.hints_panel(hints_panel.disabled_buttons(session)).written == ()
    )  # nothing jumps while it runs
    session.stop()
    assert set(hints_panel.disabled_buttons(session)) == {"stop"}
