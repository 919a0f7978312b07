import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.widgets import summaries, text
from app.widgets.words.said import say


@given(st.text(st.characters(exclude_categories=["Cn"])))
def test_safe_text_holds_no_markup_and_nothing_invisible(given_text: str) -> None:
    shown = text.safe(given_text)
    assert "<" not in shown and ">" not in shown
    assert all(
        character.isprintable() or character in "\u200c\u200d"
        for character in shown
        if not character.isspace()
    )


def test_safe_text_names_what_would_act_unseen() -> None:
    assert text.safe("a\u202eb<b>&amp;\x00") == "a⟨202E⟩b&lt;b&gt;&amp;amp;⟨0000⟩"


@pytest.mark.parametrize(
    ("token", "shown"),
    [(" a", "·a"), ("\n\t", "↵⇥"), ("\u200d", "⟨200D⟩"), ("👩\u200d💻", "👩\u200d💻"),
     ("\u3000", "⟨3000⟩")],
)  # fmt: skip
def test_tokens_show_their_white_space(token: str, shown: str) -> None:
    assert text.visible(token) == shown


@given(st.text(max_size=80), st.integers(5, 30))
def test_short_text_keeps_to_its_length(given_text: str, most: int) -> None:
    assert len(text.short(given_text, most)) <= max(most, 0)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.4123, "0.412"),
        (12.345, "12.3"),
        (3.3, "3.30"),  # beside 2.17 in a grid, and as exact
        (123.4, "123"),
        (0.99961, "1.00"),
        (999.7, "1.0·10³"),
        (0.00996, "0.010"),
        (1.2e-9, "1.2·10⁻⁹"),
        (4567.0, "4.6·10³"),
        (-0.25, "−0.250"),
    ],
)
def test_numbers_are_readable(value: float, shown: str) -> None:
    assert text.number(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"), [(0.256, "26%"), (0.0, "0%"), (-0.001, "0%"), (-0.12, "−12%")]
)
def test_percentages_have_a_true_minus_and_none_before_zero(share: float, shown: str) -> None:
    assert text.percent(share) == shown


@pytest.mark.parametrize(
    ("numbers", "shown"), [([3], "3"), ([0, 1, 2, 5], "0–2 and 5"), ([9, 1, 2], "1–2 and 9")]
)
def test_ranges_are_put_together(numbers: list[int], shown: str) -> None:
    assert text.spans(numbers) == shown


def test_leaders_are_named_with_their_layers_and_averages() -> None:
    weights = [[0.9, 0.1], [0.8, 0.2], [0.5, 0.5], [0.2, 0.8]]
    assert summaries.leaders(weights, ["Math", "Code"], range(4)) == (
        "Math leads in layers 0–1; Code leads in layer 3; no adapter leads clearly in layer 2. "
        "Mean weight over the layers: Math 60%, Code 40%."
    )


def test_equal_weights_have_no_leader() -> None:
    said = summaries.leaders([[0.5, 0.5]] * 3, ["Math", "Code"], range(3))
    assert said.startswith("No adapter leads clearly. Mean weight")


def test_a_single_adapter_is_no_contest() -> None:
    assert "only adapter" in summaries.leaders([[1.0]], ["Math"], [0])


def test_saturation_is_said_where_it_is() -> None:
    said = summaries.saturation([1, 2], ["raw", "raw"])
    assert said.startswith(
        "Layers 1–2: the model is certain here, shares mean nothing. The raw lens"
    )
    assert summaries.saturation([], ["norm"]) == ""
    assert "every layer" in summaries.leaders([], ["Math", "Code"], [])
    assert "means nothing" in summaries.changes([], ["Math", "Code"], "q", [])


def test_movers_are_named_with_their_layers() -> None:
    said = summaries.movers([[0.5, 0.02], [0.25, 3.0]], ["Math", "Code"], " nats", [4, 5])
    assert said.startswith(
        "Code changes the base most: 3.00 nats in layer 5. Code changes it least: "
    )
    assert (
        summaries.movers([[0.0, 0.0]], ["Math", "Code"], "", [0])
        == "No adapter changes the base here."
    )


def test_layers_are_called_by_their_numbers_where_others_are_left_out() -> None:
    assert summaries.leaders([[0.9, 0.1]], ["Math", "Code"], [7]).startswith(
        "Math leads in layer 7."
    )
    assert "Math +0.40 in layer 7" in summaries.changes([[0.4, -0.1]], ["Math", "Code"], "q", [7])
    assert summaries.focus(range(2, 5), 9).startswith("Only layers 2–4 of 9 are shown")
    assert summaries.focus(range(9), 9) == ""


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("There is no fitted file /srv/ann/lens/a.b.", "There is no fitted file a.b."),
        ("the folder '/srv/ann/base/' is empty", "the folder 'base' is empty"),
        ("run `make --out=/srv/ann/x.toml`, or ~/b/c", "run `make --out=x.toml`, or c"),
        ("C:\\Users\\Ann\\base is not there", "base is not there"),
        ("[Errno 2] No such file: /srv/ann/…/x (again)", "[Errno 2] No such file: x (again)"),
        ("https://example.org/a/b, own/name/part", "https://example.org/a/b, own/name/part"),
        ("1/2 and/or 3/4, /trace, ./a/b", "1/2 and/or 3/4, /trace, ./a/b"),
    ],
)  # fmt: skip
def test_a_path_is_named_by_its_last_part(said: str, shown: str) -> None:
    assert text.without_folders(said) == shown
    composed = say("It failed: {why}", why=said)
    assert text.without_folders(composed) == f"It failed: {shown}"
