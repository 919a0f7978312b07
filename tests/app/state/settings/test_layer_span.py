"""The layers to show, as visitors write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.state.settings.view_settings import ViewSettings


@given(st.text("0123456789 -–.to", max_size=9) | st.text(max_size=9), st.integers(1, 9))
def test_some_layers_are_always_shown(span: str, count: int) -> None:
    view_settings = ViewSettings(span=span)
    shown = view_settings.layers(count)
    assert 0 <= shown.start < shown.stop <= count
    assert not view_settings.span_fault(count) or shown == range(count)


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        ("", range(9)),
        ("2-4", range(2, 5)),
        ("3–", range(3, 9)),
        ("2 to 8", range(2, 9)),
        ("5", range(5, 6)),
    ],
)
def test_layers_are_taken_as_they_are_written(span: str, shown: range) -> None:
    view_settings = ViewSettings(span=span)
    assert view_settings.layers(9) == shown and not view_settings.span_fault(9)


@pytest.mark.parametrize(
    ("span", "remedy"),
    [
        ("the middle", "a range such as 6–11"),
        ("0,3", "a range such as 6–11"),
        ("-1", "a range such as 6–11"),
        ("99", "the layers are 0–8"),
        ("2–9", "the layers are 0–8"),
        ("9–", "the layers are 0–8"),
        ("8-3", "the lower number first, 3–8"),
    ],
)
def test_layers_that_cannot_be_used_are_named_with_the_remedy(span: str, remedy: str) -> None:
    view_settings = ViewSettings(span=span)
    assert view_settings.layers(9) == range(9)
    fault = view_settings.span_fault(9)
    assert f"“{span}” cannot be used" in fault and remedy in fault
    # The range before stays in its place.
    kept, why = view_settings.kept_span(ViewSettings(span="2-4"), 9)
    assert kept.layers(9) == range(2, 5) and kept.span == "2-4"
    assert remedy in why and why.endswith("Layers 2–4 stay shown.")


def test_the_number_of_layers_is_no_layer() -> None:
    kept, why = ViewSettings(span="18").kept_span(ViewSettings(span="17"), 18)
    assert kept.layers(18) == range(17, 18)
    assert "the layers are 0–17" in why and why.endswith("Only layer 17 stays shown.")
    assert ViewSettings(span="17").kept_span(ViewSettings(), 18) == (ViewSettings(span="17"), "")
