"""An adapter beside copies whose effect is known beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.measure.checks.control_copies import COPY_FACTORS, compare_copies
from analysis.models.adapters import load_adapter
from analysis.models.collection import AdapterEntry, PromptForm
from tests import tiny
from tests.scaled_copy import scaled_copy

QUERY = "How many apples does Mary have?"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, dict[str, Path]]:
    adapters = {"spanish": {}, "math": {"strength": 0.003}}
    engine, _, folders = tiny.tiny_engine(tmp_path_factory.mktemp("sanity"), adapters)
    return engine, folders


def test_copies_are_what_their_files_would_be(
    made: tuple[Engine, dict[str, Path]], tmp_path: Path
) -> None:
    engine, folders = made
    base = tiny.model(dtype=torch.float64)
    own = folders["math"]
    places = {"math": own}
    for copy, factor in COPY_FACTORS.items():
        places[copy] = scaled_copy(own, tmp_path / copy, factor)
    adapters = [
        load_adapter(base, AdapterEntry(name, name, "other", place))
        for name, place in places.items()
    ]
    loaded = Engine(base, tiny.tokenizer(), adapters, PromptForm(tiny.FORM, (tiny.STOP,)))
    expected = loaded.divergence(loaded.trace(QUERY)).values_LK
    found = engine.divergence(engine.copies(engine.trace(QUERY), "math")).values_LK
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-18)


@pytest.mark.parametrize("position", ["query", "prompt"])
def test_what_the_copies_teach(made: tuple[Engine, dict[str, Path]], position: str) -> None:
    engine, _ = made
    trace = engine.trace(QUERY)
    copies = engine.copies(trace, "math")
    found = compare_copies("math", engine.divergence(copies, position=position))
    assert found.names == ("math", "zero", "duplicate", "doubled")
    assert found.zero_divergence == 0 and not found.weights_LC[:, 1].any()
    assert found.duplicate_error < 1e-9
    torch.testing.assert_close(found.weights_LC[:, 0], found.weights_LC[:, 2])
    # KL is quadratic in a small shift.
    assert found.doubled_ratio_L.tolist() == pytest.approx([4.0] * engine.layers, rel=0.1)
    torch.testing.assert_close(
        found.doubled_ratio_L * found.divergence_LC[:, 0], found.divergence_LC[:, 3]
    )
    # The adapter itself reads as it does beside the others.
    alone = engine.divergence(trace, position=position).values_LK[:, 1]
    torch.testing.assert_close(found.divergence_LC[:, 0], alone, rtol=1e-9, atol=1e-18)


def test_an_adapter_that_does_nothing_has_no_ratio(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path, {"none": {"strength": 0.0}})
    found = compare_copies("none", engine.divergence(engine.copies(engine.trace(QUERY), "none")))
    assert found.doubled_ratio_L.isnan().all() and found.duplicate_error == 0
    assert found.weights_LC.tolist() == [[0.25] * 4] * engine.layers


def test_copies_are_kept_and_cancelled_and_refused(made: tuple[Engine, dict[str, Path]]) -> None:
    engine, _ = made
    trace = engine.trace("玛丽有三个苹果")

    def cancel(what: str, share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        engine.copies(trace, "math", cancel)
    told: list[float] = []
    copies = engine.copies(trace, "math", lambda what, share: told.append(share))
    assert told and engine.copies(trace, "math", cancel) is copies
    with pytest.raises(InputError, match=r"'french'.*spanish, math"):
        engine.copies(trace, "french")
