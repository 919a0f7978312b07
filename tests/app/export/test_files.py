import ast
import csv
import io
import json
import re
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from starlette.applications import Starlette
from starlette.testclient import TestClient

from analysis.common.errors import InputError
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.models import provenance
from analysis.models.manifest import load_collection
from analysis.models.own_collection import adapter_entry, with_entries
from app.export import files
from app.export.adapter_file import write_adapter
from app.server.downloads import Downloads
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import difference
from app.widgets.text import signed
from tests.app.visit import Visit
from tests.tiny import tiny_collection

HOSTILE = '=1+1<script>alert(1)</script>"${7*7}{{value}}'
QUERY = f"{HOSTILE} '''\\ ¿Cuántas manzanas?\u202e"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    tiny_collection(folder, labels={"math": HOSTILE, "code": "=Code"})
    return folder


@pytest.fixture(scope="module")
def shared_visit(folder: Path) -> Visit:
    return Visit(load_collection(folder))


@pytest.fixture
def visit(shared_visit: Visit) -> Visit:
    """A new visitor of a page that is already served."""
    shared_visit.session = Session()
    return shared_visit


def _export(kind: str, visit: Visit, folder: Path) -> str:
    file = files.export(kind, load_collection(folder), visit.session)
    assert file.name == f"{files.name_of(visit.session.snapshot.query)}.{kind}"
    return file.text


def test_json_says_what_ran_and_how_and_from_what(visit: Visit, folder: Path) -> None:
    visit.ask(QUERY, ViewSettings(span="1–2"), sampling=Sampling(0.5, 0.9, 7))
    content = json.loads(_export("json", visit, folder))
    assert content["query"] == QUERY
    assert content["shape"] == {"layers": 2, "adapters": 3} and content["layers"] == [1, 2]
    assert [len(content["weights"]), len(content["divergence"][0])] == [2, 3]
    assert content["settings"]["lens"] == "norm" and content["settings"]["span"] == "1–2"
    assert {"fusion-lens", "python", "torch", "transformers", "peft"} <= set(content["versions"])
    weights = folder / "adapters" / "math" / "adapter_model.safetensors"
    (math,) = (one for one in content["adapters"] if one["name"] == "math")
    assert math["sha256"] == sha256(weights.read_bytes()).hexdigest()
    config = weights.with_name("adapter_config.json")
    assert math["config_sha256"] == sha256(config.read_bytes()).hexdigest()
    (base,) = content["base"]["files"]
    assert base["sha256"] == sha256((folder / "base" / base["name"]).read_bytes()).hexdigest()
    assert str(folder) not in json.dumps(content)
    assert content["prompt"]["ids"][0] == 2
    answers = content["answers"]
    assert answers["settings"]["sampling"] == {"temperature": 0.5, "top_p": 0.9, "seed": 7}
    assert [row["name"] for row in answers["rows"]] == ["base", "static"]
    assert answers["rows"][1]["weights"][0] == pytest.approx([1 / 3] * 3)
    assert all(row["text"] is not None and row["end"] for row in answers["rows"])


def test_csv_has_a_row_for_each_cell_that_is_shown_and_no_formula(
    visit: Visit, folder: Path
) -> None:
    visit.ask(QUERY, ViewSettings(span="1"))
    rows = list(csv.reader(io.StringIO(_export("csv", visit, folder))))
    assert [row[:2] for row in rows[1:]] == [["1", "spanish"], ["1", "math"], ["1", "code"]]
    assert sum(float(row[3]) for row in rows[1:]) == pytest.approx(1)
    assert not any(field.startswith("=") for row in rows for field in row)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in rows[0])
    (one, *_) = csv.DictReader(io.StringIO(_export("csv", visit, folder)))
    assert (one["lens"], one["metric"], one["position"]) == ("norm", "kl", "query")
    assert (one["normalisation"], one["saturated"]) == ("sum", "0")


def test_files_are_named_after_the_question() -> None:
    assert files.name_of("How many apples?") == "fusion-lens-how-many-apples"
    assert files.name_of("../../etc/passwd") == "fusion-lens-etc-passwd"
    assert files.name_of("?!") == "fusion-lens"
    assert len(files.name_of("word " * 100)) < 60


def test_web_page_runs_nothing_and_asks_for_nothing(visit: Visit, folder: Path) -> None:
    visit.ask(QUERY, with_shown=True)
    seen: set[str] = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            seen.add(tag)
            assert not {name for name, _ in attributes} & {"src", "href", "onerror", "srcset"}

    page = _export("html", visit, folder)
    Tags().feed(page)
    assert not seen & {"script", "img", "link", "iframe", "object"}
    assert not re.search(r"https?://|url\(|@import", page)
    assert "&lt;script&gt;" in page and "\u202e" not in page
    assert page.count("<td ") == 2 * 3 * 3 and page.count("<pre ") == 3


@pytest.mark.parametrize(
    ("view_settings", "sampling", "with_shown"),
    [
        (ViewSettings(), Sampling(), False),
        (ViewSettings("raw", "divergence", "mean", "kl", "mixed", span="1-"), Sampling(), True),
        (
            ViewSettings("norm", "what-if", "prompt", "js", "softmax", 0.7),
            Sampling(0.9, 0.8, 5),
            True,
        ),
        (ViewSettings(signal="change", relative=True), Sampling(), False),
    ],
    ids=["paper", "mean", "sampled", "relative"],
)
def test_snippet_gives_the_exported_numbers_and_answers(
    visit: Visit,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    view_settings: ViewSettings,
    sampling: Sampling,
    with_shown: bool,
) -> None:
    visit.ask(QUERY, view_settings)
    if view_settings.show == "what-if":
        visit.view_service.paint(visit.session, 1, 1, 1.5, "adapter")
    visit.ask(
        QUERY,
        view_settings,
        ("base", "qa-flora", "adapter:math"),
        sampling,
        6,
        with_shown=with_shown,
    )
    written = _export("py", visit, folder)
    assert "dtype='float32', device='cpu')" in written
    found: dict[str, object] = {}
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FUSION_LENS", str(Path(files.__file__).parents[2]))
    monkeypatch.setattr(sys, "path", list(sys.path))
    exec(compile(written, "snippet", "exec"), found)
    content = json.loads(_export("json", visit, folder))
    assert found["trace"].adapters == tuple(one["name"] for one in content["adapters"])
    shown = slice(found["first"], found["last"] + 1)
    assert found["weights"][shown].tolist() == [
        pytest.approx(row, rel=1e-4, abs=1e-6) for row in content["weights"]
    ]
    rows = content["answers"]["rows"]
    assert len(rows) == 3 + with_shown
    assert found["answers"] == [row["text"] for row in rows]


def test_painted_weights_and_the_pin_are_taken_along_by_their_names(
    visit: Visit, folder: Path
) -> None:
    visit.ask("before", ViewSettings(normalisation="top-1"))
    visit.view_service.pin(visit.session)
    visit.names = ["math", "code"]
    visit.ask(QUERY, ViewSettings(show="what-if"))
    visit.names = ["spanish", "math", "code"]
    plain = json.loads(_export("json", visit, folder))
    assert plain["painted"] is None
    visit.view_service.paint(visit.session, 1, 0, 1.25, "cell")
    snapshot, pinned = visit.session.snapshot, visit.session.pinned_snapshot
    assert snapshot is not None and pinned is not None

    content = json.loads(_export("json", visit, folder))
    assert content["painted"][1][0] == 1.25 and content["weights"] == plain["weights"]
    before = content["compared_with"]
    assert before["query"] == "before" and before["settings"]["normalisation"] == "top-1"
    assert before["adapters"] == ["spanish", "math", "code"]
    assert before["weights"] == [list(row) for row in pinned.weights]

    first, *rows = csv.DictReader(io.StringIO(_export("csv", visit, folder)))
    assert (first["layer"], first["adapter"]) == ("0", "math")
    assert next(row["painted_weight"] for row in rows if row["layer"] == "1") == "1.25"
    changed = snapshot.weights[0][0] - pinned.weights[0][1]
    assert float(first["weight_minus_pinned"]) == changed

    page = _export("html", visit, folder)
    assert page.count("<table>") == 4 and "<h2>What-if weights</h2>" in page
    assert "<h2>Weights minus the pinned weights</h2>" in page and ">1.25<" in page
    assert f">{signed(changed)}<" in page and "before" in page
    # Towards less is another colour than towards more.
    assert page.count("class=less") == sum(
        one < 0 for row in difference(pinned, snapshot).values for one in row
    )


def test_saturated_layers_and_the_settings_of_the_answers_are_told(
    visit: Visit, folder: Path
) -> None:
    visit.ask(QUERY, ViewSettings(lens="raw"), ("base", "qa-flora"))
    visit.view_service.change_settings(visit.session, ViewSettings(lens="norm", metric="js"))
    assert "certain" not in _export("html", visit, folder)
    assert visit.session.snapshot is not None
    visit.session.snapshot = replace(visit.session.snapshot, peaks=(0.5, 1.0, 0.5))
    page = _export("html", visit, folder)
    assert "Layer 1: the model is certain here, shares mean nothing." in page
    assert page.count('<tr class="grey">') == 2
    answered = "raw lens, KL divergence, last token of the query, share of the sum"
    assert f"Methods that read divergences: {answered}." in page
    settings = json.loads(_export("json", visit, folder))["answers"]["settings"]
    assert settings["divergence"] == {
        "lens": "raw",
        "position": "query",
        "metric": "kl",
        "normalisation": "sum",
        "temperature": 1.0,
        "signal": "divergence",
        "relative": False,
    }


def test_snippet_says_what_it_needs_where_it_finds_no_checkout(
    visit: Visit, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit.ask(QUERY, methods=())
    written = _export("py", visit, folder)
    assert f"python {files.name_of(QUERY)}.py" in written
    monkeypatch.chdir(folder)
    monkeypatch.delenv("FUSION_LENS", raising=False)
    with pytest.raises(SystemExit, match="set FUSION_LENS to the folder of a checkout"):
        exec(compile(written, "snippet", "exec"), {})


def test_answers_to_another_question_are_left_out(visit: Visit, folder: Path) -> None:
    visit.ask(QUERY)
    visit.ask("another question", methods=())
    assert json.loads(_export("json", visit, folder))["answers"] is None
    written = _export("py", visit, folder)
    ast.parse(written)
    assert "fuse" not in written and "another question" in written


def test_snippet_keeps_a_question_that_holds_its_own_imports(visit: Visit, folder: Path) -> None:
    query = "Are ConstantWeights, Engine, Row, Sampling, fuse, load_collection {imports}?"
    visit.ask(query, methods=())
    visit.session.answer_record = None
    written = _export("py", visit, folder)
    assert repr(query) in written
    assert "\nfrom analysis import Engine, load_collection\n" in written
    # It imports nothing that it does not use.
    assert "import replace" not in written


def test_the_adapter_has_the_weights_of_the_page(
    visit: Visit, folder: Path, tmp_path: Path
) -> None:
    visit.ask("How many apples?")
    collection, engine = load_collection(folder), visit.loader.engine
    assert engine is not None
    snapshot = visit.session.snapshot
    write_adapter(tmp_path / "a.zip", collection, visit.session, engine)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path)
    taken = tmp_path / "fusion-lens-how-many-apples"
    wider = with_entries(collection, [adapter_entry(f"taken={taken}")])
    both = engine.with_collection(wider)
    prompt = both.prompt("How many apples?")
    weights_LK = torch.tensor(snapshot.weights, dtype=torch.float64)
    alone = ConstantWeights(("taken",), torch.ones(len(weights_LK), 1, dtype=torch.float64))
    rows = [Row("fused", ConstantWeights(snapshot.adapters, weights_LK)), Row("taken", alone)]
    fused, single = both.answer_losses([prompt] * 2, [both.answer_ids("Eight apples.")] * 2, rows)
    assert torch.allclose(fused, single, rtol=1e-5)
    card = (taken / "README.md").read_text(encoding="utf-8")
    assert "weights of the page" in card and "How many apples?" in card
    with pytest.raises(InputError, match="ask a question first"):
        write_adapter(tmp_path / "b.zip", collection, Session(), engine)


def test_files_name_the_adapters_that_ran_and_not_what_was_saved_there_since(
    visit: Visit, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit.ask("How many apples?")
    before = json.loads(_export("json", visit, folder))["adapters"]
    monkeypatch.setattr(provenance, "file_digest", lambda path: "saved since")
    assert json.loads(_export("json", visit, folder))["adapters"] == before


def test_downloads_keep_the_newest_files() -> None:
    downloads, written = Downloads(), list[Path]()

    def write(content: bytes, path: Path) -> None:
        path.write_bytes(content)
        written.append(path)

    addresses = [downloads.keep(f"{number}.zip", partial(write, b"x")) for number in range(6)]
    client = TestClient(Starlette(routes=downloads.routes()))
    answer = client.get("/" + downloads.keep("name of.zip", partial(write, b"adapter")))
    assert answer.content == b"adapter" and "name%20of.zip" in answer.headers["content-disposition"]
    assert client.get(f"/{addresses[0]}").status_code == 404
    assert client.get("/fusion-lens/file/../x").status_code == 404
    assert not written[0].exists()


def test_many_exports_at_once_leave_no_more_files_than_are_kept() -> None:
    downloads, places = Downloads(), list[Path]()

    def write(path: Path) -> None:
        places.append(path)
        assert not path.exists() and len(list(path.parent.iterdir())) < 5
        path.write_bytes(b"x")

    with ThreadPoolExecutor(12) as executor:
        addresses = list(executor.map(lambda number: downloads.keep("a.zip", write), range(24)))
    kept = sorted(places[0].parent.iterdir())
    assert len(kept) == 4 and set(kept) == set(places[-4:])
    client = TestClient(Starlette(routes=downloads.routes()))
    assert sum(client.get(f"/{one}").status_code == 200 for one in addresses) == 4
