import dataclasses

from app.explore import button_reasons
from app.state.run import Run
from app.state.session import Session
from app.state.snapshot import Snapshot
from app.state.view_settings import ViewSettings

PICTURE = Snapshot("1", "q", ("a",), ("A",), ((1.0,),), ((1.0,),), (0.5,), ViewSettings())


def _session(**given: object) -> Session:
    return dataclasses.replace(Session(), **given)


def test_before_anything_was_asked_only_asking_can_be_done() -> None:
    reasons = button_reasons.reasons(Session())
    assert set(reasons) == {"stop", "pin", "hear", "every", "check", "copy"}
    assert all(reasons.values())


def test_the_stored_example_can_be_pinned_and_heard_and_says_what_it_lacks() -> None:
    reasons = button_reasons.reasons(_session(snapshot=PICTURE))
    assert set(reasons) == {"stop", "every", "check", "copy"}
    assert "stored example" in reasons["every"]
    assert button_reasons.view(reasons)["written"] == ["every", "check", "copy"]


def test_while_something_runs_it_can_be_stopped_and_nothing_else_begins() -> None:
    run = Run(1, "q", None, None, None)  # type: ignore[arg-type]
    session = _session(snapshot=PICTURE, run=run)
    session.begin()
    assert set(button_reasons.reasons(session)) == {"ask", "hear", "every", "check", "copy"}
    assert (
        button_reasons.view(button_reasons.reasons(session))["written"] == []
    )  # nothing jumps while it runs
    session.stop()
    assert set(button_reasons.reasons(session)) == {"stop"}
