import dataclasses

from app import hints
from app.look import Look
from app.picture import Picture
from app.run import Run
from app.session import Session

PICTURE = Picture("1", "q", ("a",), ("A",), ((1.0,),), ((1.0,),), (0.5,), Look())


def _session(**given: object) -> Session:
    return dataclasses.replace(Session(), **given)


def test_before_anything_was_asked_only_asking_can_be_done() -> None:
    reasons = hints.reasons(Session())
    assert set(reasons) == {"stop", "pin", "hear", "every", "check", "copy"}
    assert all(reasons.values())


def test_the_stored_example_can_be_pinned_and_heard_and_says_what_it_lacks() -> None:
    reasons = hints.reasons(_session(picture=PICTURE))
    assert set(reasons) == {"stop", "every", "check", "copy"}
    assert "stored example" in reasons["every"]
    assert hints.view(reasons)["written"] == ["every", "check", "copy"]


def test_while_something_runs_it_can_be_stopped_and_nothing_else_begins() -> None:
    run = Run(1, "q", None, None)  # type: ignore[arg-type]
    session = _session(picture=PICTURE, run=run)
    session.begin()
    assert set(hints.reasons(session)) == {"ask", "hear", "every", "check", "copy"}
    assert hints.view(hints.reasons(session))["written"] == []  # nothing jumps while it runs
    session.stop()
    assert set(hints.reasons(session)) == {"stop"}
