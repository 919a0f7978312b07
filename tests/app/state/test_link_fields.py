from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.state import link_fields
from app.state.link_fields import Field, LinkFields

FIELDS = LinkFields(
    {
        "query": Field("q", link_fields.query, ""),
        "adapters": Field("adapters", link_fields.some_of("spanish", "math"), ["spanish", "math"]),
        "lens": Field("lens", link_fields.one_of("norm", "raw"), "norm"),
        "heat": Field("temperature", link_fields.number(0, 2), 0),
        "seed": Field("seed", link_fields.number(0, 2**53, whole=True), 0),
    }
)
DEFAULTS = {"query": "", "adapters": ["spanish", "math"], "lens": "norm", "heat": 0, "seed": 0}


def _round_trip(values: dict[str, object]) -> dict[str, object]:
    given_back = {
        key: found[0]
        for key, found in parse_qs(FIELDS.encode(values), keep_blank_values=True).items()
    }
    decoded, unusable = FIELDS.decode(given_back)
    assert not unusable
    return {**FIELDS.defaults, **decoded}


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.sampled_from([[], ["math"], ["spanish", "math"]]),
    st.floats(0, 2),
    st.integers(0, 2**53),
)
def test_an_address_brings_everything_back(
    query: str, adapters: list[str], temperature: float, seed: int
) -> None:
    values = {
        "query": query,
        "adapters": adapters,
        "lens": "raw",
        "heat": temperature,
        "seed": seed,
    }
    assert _round_trip(values) == values


@given(st.text())
def test_any_text_has_pairs(link: str) -> None:
    assert all(isinstance(value, str) for value in link_fields.pairs(link).values())


def test_an_address_of_too_many_fields_has_no_pairs() -> None:
    assert link_fields.pairs("q=a&lens=raw") == {"q": "a", "lens": "raw"}
    assert link_fields.pairs("&".join(f"x{number}=1" for number in range(10_000))) == {}


def test_defaults_are_left_out() -> None:
    assert FIELDS.encode(DEFAULTS) == FIELDS.encode({}) == ""
    assert FIELDS.defaults == DEFAULTS and FIELDS.decode({}) == ({}, [])


def test_a_query_too_long_for_an_address_is_left_out() -> None:
    assert "q=" not in FIELDS.encode({"query": "x" * 9000})


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
    values, unusable = FIELDS.decode(given_link)
    assert unusable == list(given_link)
    assert values == {}


@given(st.dictionaries(st.sampled_from(FIELDS.keys), st.text()))
def test_no_address_breaks_the_page(given_link: dict[str, str]) -> None:
    FIELDS.decode(given_link)


def test_two_controls_cannot_share_a_name_or_a_key() -> None:
    fields = LinkFields()
    fields.add({"lens": Field("lens", link_fields.one_of("norm"), "norm")})
    for name, key in (("lens", "l"), ("other", "lens")):
        with pytest.raises(ValueError, match="two controls"):
            fields.add({name: Field(key, link_fields.one_of("norm"), "norm")})
    assert fields.keys == ("lens",)
