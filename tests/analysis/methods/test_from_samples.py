"""Methods from samples: weights by hand, ties, and what happens without a usable file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from analysis.inference.mixing.policies import ConstantWeights
from analysis.measure.context import Context
from analysis.methods import Unavailable, fuse, fuse_available
from analysis.methods.from_samples.centroid import shares
from analysis.models.adapter_facts import AdapterFacts
from analysis.models.collection import AdapterEntry, Base
from analysis.models.fitted import FittedFiles, origin_of, write_fitted
from tests import tiny
from tests.contexts import KnownEngine, known_context

FILE = "methods/samples.safetensors"
BASE = Base("hub", "tiny", "main")
NAMES = ("a", "b", "c", "d")
METHODS = ("centroid", "adaptersoup", "loraretriever", "ariadne")
# Cosines with the query (1, 0): of the means 0.8, 0, −1 and √½; the means of cosines differ.
VECTORS = {
    "samples.a": torch.tensor([[0.8, 0.6], [0.8, 0.6]]).half(),
    "samples.b": torch.tensor([[0.0, 1.0]]).half(),
    "samples.c": torch.tensor([[-1.0, 0.0]]).half(),
    "samples.d": torch.tensor([[1.0, 0.0], [0.0, 1.0]]).half(),
}
LAYERS = 3


def context(
    folder: Path,
    names: tuple[str, ...] = NAMES,
    query: tuple[float, float] = (2.0, 0.0),
    vectors: dict[str, Tensor] | None = None,
) -> Context:
    origin = origin_of("f", "d", BASE)
    write_fitted(folder / FILE, VECTORS if vectors is None else vectors, origin)
    engine = KnownEngine(NAMES, torch.zeros(LAYERS, len(names)))
    engine.facts = AdapterFacts((), FittedFiles(folder, BASE))
    engine.query_D = torch.tensor(query, dtype=torch.float64)
    return known_context(engine, names)


def weights(method: str, of: Context) -> list[float]:
    (row,) = fuse([method], of)
    assert isinstance(row.policy, ConstantWeights)
    assert row.policy.adapters == of.adapters
    weights_LK = row.policy.weights_LK
    assert weights_LK.shape == (LAYERS, len(of.adapters))
    assert bool((weights_LK == weights_LK[0]).all())
    return weights_LK[0].tolist()


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("centroid", [0.8 / (0.8 + 0.5**0.5), 0.0, 0.0, 0.5**0.5 / (0.8 + 0.5**0.5)]),
        ("adaptersoup", [1 / 3, 1 / 3, 0.0, 1 / 3]),
        ("loraretriever", [1 / 3, 1 / 3, 0.0, 1 / 3]),
        ("ariadne", [1.0, 0.0, 0.0, 0.0]),
    ],
)
def test_weights_by_hand(method: str, expected: list[float], tmp_path: Path) -> None:
    assert weights(method, context(tmp_path)) == pytest.approx(expected, abs=1e-3)


def test_soup_averages_cosines_and_the_retriever_averages_samples(tmp_path: Path) -> None:
    vectors = {
        # Cosine with its mean 1, mean of its cosines 0.6; the other three have 0.7 for both.
        "samples.a": torch.tensor([[0.6, 0.8], [0.6, -0.8]], dtype=torch.float64),
        **{
            f"samples.{name}": torch.tensor([[0.7, 0.51**0.5]], dtype=torch.float64)
            for name in "bcd"
        },
    }
    of = context(tmp_path, vectors=vectors)
    assert weights("adaptersoup", of) == pytest.approx([0.0, 1 / 3, 1 / 3, 1 / 3])
    assert weights("loraretriever", of) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.0])
    assert weights("ariadne", of) == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("method", METHODS)
def test_one_adapter_gets_all(method: str, tmp_path: Path) -> None:
    assert weights(method, context(tmp_path, ("d",))) == [1.0]


def test_no_similarity_at_all_gives_equal_shares(tmp_path: Path) -> None:
    assert weights("centroid", context(tmp_path, query=(0.0, 0.0))) == [0.25] * 4
    assert shares(torch.tensor([-0.5, -0.1])).tolist() == [0.5, 0.5]
    assert weights("ariadne", context(tmp_path, query=(0.0, 0.0))) == [1.0, 0.0, 0.0, 0.0]


def test_duplicates_tie_in_the_centroids_weights(tmp_path: Path) -> None:
    vectors = VECTORS | {"samples.b": VECTORS["samples.a"]}
    found = weights("centroid", context(tmp_path, vectors=vectors))
    assert found[0] == found[1] > 0


@pytest.mark.parametrize("method", METHODS)
def test_without_samples_they_name_the_command(method: str, tmp_path: Path) -> None:
    engine = KnownEngine(NAMES, torch.zeros(LAYERS, 4))
    with pytest.raises(Unavailable, match=r"no methods/samples.*`python -m analysis fit-method"):
        fuse([method], known_context(engine))
    lacking = {name: value for name, value in VECTORS.items() if name != "samples.d"}
    with pytest.raises(Unavailable, match="without the adapter d"):
        fuse([method], context(tmp_path, vectors=lacking))


def test_a_file_for_other_adapters_makes_them_unavailable(tmp_path: Path) -> None:
    folder = tiny.write_adapter(tmp_path / "a", tiny.model("gemma3"), seed=1)
    entry = AdapterEntry("a", "a", "task", folder)
    origin = origin_of("fit a", "d", BASE, (entry,))
    write_fitted(tmp_path / FILE, VECTORS, origin)
    tiny.write_adapter(folder, tiny.model("gemma3"), seed=2)
    engine = KnownEngine(("a",), torch.zeros(LAYERS, 1))
    engine.facts = AdapterFacts((), FittedFiles(tmp_path, BASE, (entry,)))
    rows, reasons = fuse_available(["static", "centroid"], known_context(engine))
    assert [row.name for row in rows] == ["static"]
    assert "another adapter a" in str(reasons["centroid"])


def test_the_representation_is_the_mean_last_state_of_the_querys_tokens(tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path)
    prompt = engine.prompt("María tiene 3 manzanas.")
    with torch.inference_mode():
        states = model(torch.tensor([prompt.ids]), output_hidden_states=True).hidden_states[-1][0]
    total = torch.zeros(tiny.WIDTH, dtype=torch.float64)
    for place in range(prompt.query_first, prompt.query_last + 1):
        total += states[place]
    count = prompt.query_last - prompt.query_first + 1
    found = engine.context(prompt).representation()
    assert torch.allclose(found, total / count, rtol=1e-10)
    assert engine.representation(prompt) is found, "computed once"
