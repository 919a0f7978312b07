"""A fused adapter as files gives the same logits in plain PEFT as the fused row here."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor

from analysis.__main__ import main
from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.export.fused_factors import fixed_weights, fused
from analysis.export.peft_folder import Making, card, write_folder
from analysis.inference.mixing.mixture import Mixture
from analysis.methods import fuse
from analysis.models.adapter_files import CONFIG, TENSORS
from analysis.models.adapters import load_adapter
from analysis.models.collection import AdapterEntry
from analysis.models.manifest import load_collection
from analysis.models.provenance import provenance
from tests import tiny

IDS_RT = torch.tensor([[2, *range(40, 60), 7, 300, 41]])
QUERY = "María tiene 3 manzanas y compra 5 más."
ADAPTERS: dict[str, dict[str, Any]] = {
    "spanish": {"rank": 4, "strength": 0.1},
    "math": {"rank": 2, "rslora": True, "strength": 0.1, "layers": [1, 2]},
    "code": {"rank": 3, "alpha": 5, "strength": 0.1},
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_collection(tmp_path_factory.mktemp("tiny"), ADAPTERS)


def making(manifest: Path, **changes: Any) -> Making:
    collection = load_collection(manifest)
    parts: dict[str, Any] = {
        "collection": collection,
        "source": provenance(collection),
        "method": "static",
        "settings": "norm lens",
        "queries": [QUERY],
        "adapters": collection.names,
        "weights": [[0.5] * len(collection.names)] * tiny.LAYERS,
    }
    return Making(**{**parts, **changes})


def by_peft(base: Any, folder: Path) -> Tensor:
    model = PeftModel.from_pretrained(copy.deepcopy(base), str(folder)).eval()
    with torch.inference_mode():
        logits: Tensor = model(IDS_RT, use_cache=False).logits
    return logits


@pytest.mark.parametrize("family", ["gemma3", "gpt2"])
@pytest.mark.parametrize("dora", [False, True])
def test_plain_peft_gives_the_logits_of_the_fused_row(
    family: str, dora: bool, tmp_path: Path, manifest: Path
) -> None:
    base = tiny.model(family)
    first = tiny.linears(family)[0]
    options = [*ADAPTERS.values(), {"rank": 2, "targets": [first], "strength": 0.1, "dora": dora}]
    loaded = []
    for index, option in enumerate(options):
        path = tiny.write_adapter(tmp_path / str(index), base, seed=index + 1, **option)
        loaded.append(load_adapter(base, AdapterEntry(f"a{index}", "", "other", path)))
    weights_LK = torch.tensor(
        [[0.5, 0.2, 0.0, 0.3], [0.1, -0.6, 1.5, 0.7], [0.0, 0.0, 0.4, 1.0]], dtype=torch.float64
    )
    mixture = Mixture(base, loaded)
    with mixture.rows(weights_LK[None]).on(), torch.inference_mode():
        expected = base(IDS_RT, use_cache=False).logits
    modules = fused([one.factors for one in loaded], weights_LK, mixture.modules)
    write_folder(tmp_path / "out", modules, making(manifest))
    found = by_peft(base, tmp_path / "out")
    assert float((found - expected).abs().max() / expected.abs().max()) < 1e-5
    # The same files are an adapter here, too.
    own = load_adapter(base, AdapterEntry("fused", "", "other", tmp_path / "out"))
    with Mixture(base, [own]).rows(torch.ones(1, 3, 1)).on(), torch.inference_mode():
        again = base(IDS_RT, use_cache=False).logits
    assert float((again - expected).abs().max() / expected.abs().max()) < 1e-5


def test_a_part_without_weight_is_left_out(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path, {"spanish": {"rank": 4}, "math": {"rank": 2}})
    factors = [engine.facts.factors(name) for name in engine.adapters]
    weights_LK = torch.tensor([[0.0, 0.0], [0.0, 1.0], [0.5, 0.5]], dtype=torch.float64)
    modules = fused(factors, weights_LK, engine.modules)
    ranks = {(name.split(".")[2], len(one.a_rI)) for name, one in modules.items()}
    assert ranks == {("1", 2), ("2", 6)}
    with pytest.raises(InputError, match="All weights are 0"):
        fused(factors, 0 * weights_LK, engine.modules)


def test_a_routed_method_is_refused_with_the_reason(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    (row,) = fuse(["arrow"], engine.context(engine.prompt(QUERY)))
    with pytest.raises(InputError, match=r"'arrow' gives each token weights.*qa-flora"):
        fixed_weights("arrow", row.policy, engine.adapters)


def test_the_card_says_how_it_was_made(manifest: Path) -> None:
    hostile = "Say ``` and | <b>now</b>"
    text = card(making(manifest, queries=[QUERY, hostile]))
    for file in provenance(load_collection(manifest)).adapters:
        assert file.sha256 in text and file.config_sha256 in text
    assert "mean over 2 queries" in text and "norm lens" in text
    assert "| 2 | 0.5000 | 0.5000 | 0.5000 |" in text
    fence = "`" * 6
    assert hostile in text.split(f"\n{fence}\n")[1]
    assert "30 more" in card(making(manifest, queries=["x"] * 50))


def run(manifest: Path, *arguments: str) -> int:
    return main(["export", *arguments, "--collection", str(manifest)])


def test_the_command_writes_the_adapter_of_a_query(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "taken"
    assert run(manifest, QUERY, "--out", str(out), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["largest_rank"] == 9
    assert sorted(path.name for path in out.iterdir()) == ["README.md", CONFIG, TENSORS]
    engine = Engine.load(load_collection(manifest))
    (row,) = fuse(["qa-flora"], engine.context(engine.prompt(QUERY)))
    expected_LK = fixed_weights("qa-flora", row.policy, engine.adapters)
    assert torch.allclose(torch.tensor(found["weights"]).double(), expected_LK)
    assert {tensor.dtype for tensor in load_file(out / TENSORS).values()} == {torch.float32}


@pytest.mark.parametrize("suffix", [".txt", ".jsonl"])
def test_a_file_of_queries_gives_the_mean(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    queries = [QUERY, "Say hello."]
    lines = queries if suffix == ".txt" else [json.dumps({"query": one}) for one in queries]
    (tmp_path / f"queries{suffix}").write_text("\n\n".join(lines), encoding="utf-8")
    arguments = ["--queries", str(tmp_path / f"queries{suffix}"), "--out", str(tmp_path / "mean")]
    assert run(manifest, *arguments, "--json") == 0
    found = torch.tensor(json.loads(capsys.readouterr().out)["weights"]).double()
    engine = Engine.load(load_collection(manifest))
    each = [
        fixed_weights(
            "qa-flora",
            fuse(["qa-flora"], engine.context(engine.prompt(one)))[0].policy,
            engine.adapters,
        )
        for one in queries
    ]
    assert torch.allclose(found, (each[0] + each[1]) / 2)
    assert not torch.allclose(each[0], each[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give a query, or --queries"),
        ([QUERY, "--queries", "x.txt"], "one of the two"),
        ([QUERY, "--method", "arrow"], "'arrow' gives each token"),
        ([QUERY, "--method", "base"], "All weights are 0"),
        ([QUERY, "--method", "mean"], "There is no method 'mean'"),
        (["--queries", "there-is-none.txt"], "cannot be read"),
        (["--queries", "assets/collections/gemma-3-270m/collection.toml"], "begin with { or ["),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    arguments: list[str],
    message: str,
    manifest: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(manifest, *arguments, "--out", str(tmp_path / "out")) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_stays_as_it_is(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("mine")
    assert run(manifest, QUERY, "--out", str(tmp_path)) == 2
    assert "is not empty" in capsys.readouterr().err
