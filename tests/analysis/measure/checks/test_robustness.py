import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.common.errors import InputError
from analysis.measure.checks.robustness import MAX_VARIANTS, variants, weight_spread


def test_cells_nearer_to_uniform_than_their_spread_are_noise() -> None:
    steady = torch.tensor([[0.9, 0.1]])
    found = weight_spread([steady, steady + torch.tensor([[0.01, -0.01]])])
    assert not found.within_noise_LK.any()
    found = weight_spread([torch.tensor([[0.9, 0.1]]), torch.tensor([[0.2, 0.8]])])
    assert found.within_noise_LK.all()
    assert found.mean_LK.tolist() == [pytest.approx([0.55, 0.45])]
    assert found.deviation_LK.tolist() == [pytest.approx([0.4950, 0.4950], abs=1e-4)]


def test_one_variant_has_no_spread() -> None:
    with pytest.raises(InputError, match="at least two"):
        weight_spread([torch.ones(1, 2)])


@given(st.text(max_size=60))
def test_variants_say_something_and_are_few_and_different(query: str) -> None:
    made = variants(query)
    assert len(set(made)) == len(made) <= MAX_VARIANTS
    assert all(made)
    assert not query.strip() or query.strip() in made


@given(st.text(max_size=60))
def test_variants_keep_the_word_that_is_read(query: str) -> None:
    last = query.strip().rsplit(" ", 1)[-1]
    assert all(variant.endswith(last) for variant in variants(query))


def test_variants_keep_the_mark_of_a_question() -> None:
    made = variants("¿Cuántas manzanas, y peras, tiene Ana?")
    assert len(made) == 6 and all(variant.endswith(" Ana?") for variant in made)
