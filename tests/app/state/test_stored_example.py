import json
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.engine import Engine
from analysis.measure.cell_explanation import CellExplanation
from analysis.models.manifest import load_collection
from app.explore import make_stored_example
from app.export import files
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.services.query_service import QueryService
from app.services.view_service import ViewService
from app.state import stored_example
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.widgets.labels import labels_of
from tests.tiny import tiny_collection


def _loader(engine: Engine) -> Loader:
    loader = Loader(lambda progress: engine)
    loader.start()
    assert loader.wait(600) is not None, loader.now
    return loader


def test_made_example_comes_back_as_it_was_shown(tmp_path: Path) -> None:
    collection = load_collection(tiny_collection(tmp_path / "tiny"))
    loader = _loader(Engine.load(collection))
    made = make_stored_example.make(collection, loader)
    path = tmp_path / "first.json"
    path.write_text(make_stored_example.write(made), encoding="utf-8")
    stored = stored_example.load(collection, path)
    assert stored is not None
    assert stored.snapshot.weights == made["snapshot"]["weights"]
    assert stored.answers.rows[0].tokens
    other = load_collection(tiny_collection(tmp_path / "other", ("math",)))
    assert stored_example.load(other, path) is None

    (tmp_path / "retrained").mkdir()
    retrained = tiny_collection(
        tmp_path / "retrained", {"spanish": {}, "math": {"seed": 9}, "code": {}}
    )
    assert stored_example.load(load_collection(retrained), path) is None
    # An adapter's configuration scales its weights, and no other file tells.
    config = collection.adapters[1].folder / "adapter_config.json"
    written = config.read_text(encoding="utf-8")
    alpha = json.loads(written)["lora_alpha"]
    config.write_text(json.dumps({**json.loads(written), "lora_alpha": 4 * alpha}))
    assert stored_example.load(collection, path) is None
    config.unlink()
    assert stored_example.load(collection, path) is None
    config.write_text(written, encoding="utf-8")
    assert stored_example.load(collection, path) is not None
    old = tmp_path / "old.json"
    old.write_text(json.dumps({name: made[name] for name in made if name != "weights"}))
    assert stored_example.load(collection, old) is None

    # It is explained and taken along as if it had just been asked.
    labels = labels_of(collection)
    view_service, asked = ViewService(loader, labels, stored), Session()
    query_service = QueryService(loader, RequestQueue(), labels, ViewService(loader, labels))
    session = Session()
    session.show(stored.snapshot)
    settings = stored.answer_record().settings
    for _ in query_service.ask(
        asked, stored.snapshot.query, list(labels), ViewSettings(), lambda: settings
    ):
        pass
    for cell in ((0, 0), (1, 2), (2, 1)):
        kept, fresh = (
            view_service.select(session, *cell)["explanation"],
            view_service.select(asked, *cell)["explanation"],
        )
        # The stored shares are rounded.
        assert [(row.text, row.percent) for row in kept.shares] == [
            (row.text, row.percent) for row in fresh.shares
        ]
        assert kept.tokens and kept.shares and replace(kept, shares=()) == replace(fresh, shares=())
    # A stored prompt cannot be read elsewhere: that would need the model.
    prompt, read = (view_service.panels(one)["prompt"] for one in (session, asked))
    assert read.readable and prompt == replace(read, readable=False, hint="")
    assert asked.answer_stream is not None
    assert stored.answers == replace(asked.answer_stream.panel(), run=0)
    told = json.loads(files.export("json", collection, session, stored).text)
    assert told == json.loads(files.export("json", collection, asked, stored).text)
    assert len(told["answers"]["rows"]) == 5 and told["prompt"]["ids"]
    for kind in files.KINDS:
        assert files.export(kind, collection, session, stored).text


@pytest.mark.parametrize("content", [b"", b'{"weights"', b"\xff\xfe", b"[]", b"{}", b"7", b"null"])
def test_the_page_starts_without_a_damaged_example_and_says_so(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    collection = load_collection(tiny_collection(tmp_path, ("math",)))
    path = collection.folder / stored_example.FILE
    path.write_bytes(content)
    assert stored_example.load(collection) is None
    assert content == b"{}" or f"{path} is damaged" in caplog.text
    # What is whole as far as its digests, and no further.
    weights = stored_example.weights_of(collection)
    path.write_text(json.dumps({"weights": weights, "snapshot": {"adapters": ["math"]}}))
    caplog.clear()
    assert stored_example.load(collection) is None
    assert "KeyError" in caplog.text and "make_stored_example" in caplog.text


@pytest.mark.base
def test_stored_example_equals_a_fresh_run(bundled_engine: Engine, tmp_path: Path) -> None:
    collection = load_collection()
    stored = stored_example.load(collection)
    assert stored is not None, "python -m app.explore.make_stored_example makes it"
    path = tmp_path / "first.json"
    path.write_text(
        make_stored_example.write(make_stored_example.make(collection, _loader(bundled_engine))),
        encoding="utf-8",
    )
    fresh = stored_example.load(collection, path)
    assert fresh is not None
    old, new = stored.snapshot, fresh.snapshot
    assert stored.prompt == fresh.prompt and old.query == new.query
    assert old.peaks == pytest.approx(new.peaks, abs=0.01)
    told = 0
    for layer, peak in enumerate(old.peaks):
        if peak >= 0.999:  # where the lens saturates, all is round-off, other on other CPUs
            continue
        told += 1
        assert old.weights[layer] == pytest.approx(new.weights[layer], abs=0.01)
        assert old.divergence[layer] == pytest.approx(new.divergence[layer], rel=0.02, abs=1e-4)
        for kept, cell in zip(stored.cells[layer], fresh.cells[layer], strict=True):
            assert _probabilities(kept) == pytest.approx(_probabilities(cell), abs=0.01)
            assert _shares(kept) == pytest.approx(_shares(cell), abs=0.02)
    assert told > 10
    for kept, row in zip(stored.answers.rows, fresh.answers.rows, strict=True):
        assert [token[0] for token in kept.tokens] == [token[0] for token in row.tokens]
        probabilities = [token[1] for token in row.tokens]
        assert [token[1] for token in kept.tokens] == pytest.approx(probabilities, abs=0.01)


def _probabilities(cell: CellExplanation) -> list[float]:
    """Each list's own, in its order: near ties may change places, and little else then does."""
    return [*(one.base for one in cell.base_top), *(one.adapter for one in cell.adapter_top)]


def _shares(cell: CellExplanation) -> list[float]:
    return [one.share for one in cell.contributors]
