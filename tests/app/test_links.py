from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import links
from app.links import Field

FIELDS = [
    Field("q", links.query, ""),
    Field("adapters", links.some_of("spanish", "math"), ["spanish", "math"]),
    Field("lens", links.one_of("norm", "raw"), "norm"),
    Field("temperature", links.number(0, 2), 0),
    Field("seed", links.number(0, 2**53, whole=True), 0),
]


def _round_trip(values: list[object]) -> list[object]:
    given_back = {
        key: found[0]
        for key, found in parse_qs(links.encode(FIELDS, values), keep_blank_values=True).items()
    }
    decoded, unusable = links.decode(FIELDS, given_back)
    assert not unusable
    return decoded


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.sampled_from([[], ["math"], ["spanish", "math"]]),
    st.floats(0, 2),
    st.integers(0, 2**53),
)
def test_an_address_brings_everything_back(
    query: str, adapters: list[str], temperature: float, seed: int
) -> None:
    values = [query, adapters, "raw", temperature, seed]
    assert _round_trip(values) == values


@given(st.text())
def test_any_text_has_pairs(link: str) -> None:
    assert all(isinstance(value, str) for value in links.pairs(link).values())


def test_an_address_of_too_many_fields_has_no_pairs() -> None:
    assert links.pairs("q=a&lens=raw") == {"q": "a", "lens": "raw"}
    assert links.pairs("&".join(f"x{number}=1" for number in range(10_000))) == {}


def test_defaults_are_left_out() -> None:
    assert links.encode(FIELDS, [field.default for field in FIELDS]) == ""


def test_a_query_too_long_for_an_address_is_left_out() -> None:
    assert "q=" not in links.encode(FIELDS, ["x" * 9000, [], "raw", 0, 0])


@pytest.mark.parametrize(
    "given_link",
    [
        {"lens": "<script>"},
        {"adapters": "math,../../etc"},
        {"temperature": "nan"},
        {"temperature": "3"},
        {"seed": "1.5"},
        {"seed": "-1"},
        {"q": "x" * 8001},
    ],
)
def test_what_cannot_be_used_is_named_and_left_out(given_link: dict[str, str]) -> None:
    values, unusable = links.decode(FIELDS, given_link)
    assert unusable == list(given_link)
    assert values == [field.default for field in FIELDS]


@given(st.dictionaries(st.sampled_from([field.key for field in FIELDS]), st.text()))
def test_no_address_breaks_the_page(given_link: dict[str, str]) -> None:
    links.decode(FIELDS, given_link)
