"""What the inspector says, against numbers computed from whole matrices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from analysis.__main__ import main
from analysis.models.adapter_files import CONFIG
from analysis.models.adapters import load_adapter
from analysis.models.collection import AdapterEntry
from analysis.models.factors import Factor
from analysis.models.inspection.inspection import effective_rank, inspect_adapter
from analysis.models.inspection.report import report
from tests import tiny
from tests.analysis.models.spoiled import configured, written


@pytest.fixture(scope="module")
def base() -> PreTrainedModel:
    return tiny.model("llama")


@pytest.fixture
def folder(tmp_path: Path, base: PreTrainedModel) -> Path:
    return tiny.write_adapter(
        tmp_path / "mine", base, targets=["q_proj", "down_proj"], rank=3, layers=[0, 2],
        rank_pattern={"q_proj": 2},
    )  # fmt: skip


def entry(folder: Path, name: str = "mine") -> AdapterEntry:
    return AdapterEntry(name, "", "other", folder)


@pytest.mark.parametrize(
    ("sigma", "expected"),
    [([1, 1, 1, 1], 4.0), ([1, 0, 0, 0], 1.0), ([0.75, 0.25, 0, 0], 0.75**-0.75 * 0.25**-0.25)],
)
def test_the_effective_rank_counts_singular_values_that_matter(
    sigma: list[float], expected: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    u, _, _ = torch.linalg.svd(torch.randn(7, 4, generator=generator), full_matrices=False)
    v, _, _ = torch.linalg.svd(torch.randn(9, 4, generator=generator), full_matrices=False)
    factor = Factor(v.T, 3 * u * torch.tensor(sigma, dtype=torch.float32))
    assert effective_rank(factor) == pytest.approx(expected, rel=1e-4)


def test_the_numbers_are_those_of_whole_matrices(base: PreTrainedModel, folder: Path) -> None:
    found = inspect_adapter(entry(folder), base)
    factors = load_adapter(base, entry(folder)).factors
    sizes = {name: float((one.b_Or @ one.a_rI).norm()) for name, one in factors.items()}
    row = found.norms[found.linears.index("self_attn.q_proj")]
    assert row[1] is None and len(row) == tiny.LAYERS
    assert row[0] == pytest.approx(sizes["model.layers.0.self_attn.q_proj"], rel=1e-5)
    assert len(found.linears) == 7 and set(found.norms[1]) == {None}
    last = [size for name, size in sizes.items() if ".2." in name]
    assert found.layers[1] == 0 and found.layers[2] == pytest.approx(
        sum(one**2 for one in last) ** 0.5, rel=1e-5
    )
    assert found.norm == pytest.approx(sum(one**2 for one in sizes.values()) ** 0.5, rel=1e-5)
    assert (found.ranks, found.alpha, found.kind) == ((2, 3), 8, "LoRA")
    assert found.scalings == pytest.approx((8 / 3, 4))
    assert found.effective_rank is not None and 1 < found.effective_rank < 3


def test_without_a_base_the_tensors_tell(base: PreTrainedModel, folder: Path) -> None:
    alone, beside = inspect_adapter(entry(folder)), inspect_adapter(entry(folder), base)
    assert alone.norm == pytest.approx(beside.norm)
    assert set(alone.linears) == {"self_attn.q_proj", "mlp.down_proj"}
    assert alone.digest == beside.digest and len(alone.sha256) == 64
    dora = tiny.write_adapter(folder.parent / "dora", base, targets=["q_proj"], dora=True)
    assert inspect_adapter(entry(dora)).norm is None
    assert "DoRA" in report(inspect_adapter(entry(dora), base))


def test_it_says_which_adapter_would_outweigh_which(base: PreTrainedModel, folder: Path) -> None:
    other = tiny.write_adapter(folder.parent / "other", base, alpha=1, strength=0.01)
    neighbour = load_adapter(base, entry(other, "weak"))
    found = inspect_adapter(entry(folder), base, "", [neighbour])
    (weak,) = found.neighbours
    assert found.norm is not None and weak.times == pytest.approx(found.norm / weak.norm)
    assert f"this one would outweigh it {weak.times:.2g} to 1" in report(found)
    strong = inspect_adapter(entry(other), base, "", [load_adapter(base, entry(folder))])
    assert "it would outweigh this one" in report(strong)
    nothing = tiny.write_adapter(folder.parent / "nothing", base, strength=0)
    zero = inspect_adapter(entry(folder), base, "", [load_adapter(base, entry(nothing, "zero"))])
    assert zero.neighbours[0].times is None and "zero, which does nothing" in report(zero)


def test_files_beside_the_adapter_are_told(base: PreTrainedModel, folder: Path) -> None:
    configured(base_model_name_or_path="google/gemma-3-270m-it")(folder)
    written("README.md", "---\nlicense: apache-2.0\n---\n# Mine\nlicense: no")(folder)
    written("tokenizer.json", "{}")(folder)
    written("chat_template.jinja", "x")(folder)
    found = inspect_adapter(entry(folder), base, "google/gemma-3-270m")
    assert (found.license, found.relation) == ("apache-2.0", "other")
    assert found.brings == ("chat_template.jinja", "tokenizer.json")
    said = report(found)
    assert "NOT this base" in said and "tokenizer.json: the base's own are used" in said
    written("README.md", "# Mine\n\nlicense: no")(folder)
    assert inspect_adapter(entry(folder)).license == ""


def test_the_command_prints_a_report_or_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tiny.tiny_collection(tmp_path, ("spanish", "math"))
    path = str(tmp_path / "adapters" / "math")
    assert main(["inspect", path]) == 0
    out = capsys.readouterr().out
    assert "rank 4, alpha 8, scaling 2" in out and out.endswith("It can be mixed.\n")
    assert main(["inspect", path, "--collection", str(manifest), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["neighbours"]] == ["spanish", "math"]
    assert found["neighbours"][1]["times"] == pytest.approx(1)
    configured(peft_type="IA3")(Path(path))
    assert main(["inspect", path]) == 1
    assert "refused        Adapter math: peft_type is 'IA3'" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "nowhere")]) == 2
    (Path(path) / CONFIG).unlink()
    assert main(["inspect", path, "--json"]) == 1
    assert "no adapter_config.json" in json.loads(capsys.readouterr().out)["refused"]
