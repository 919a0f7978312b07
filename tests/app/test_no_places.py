"""No folder of the server is told to a visitor, whatever the files in it say or lack."""

from __future__ import annotations

import json
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import gradio as gr
import pytest

from analysis.methods import methods
from analysis.models.adapter_files import TENSORS
from analysis.models.collection import Collection
from analysis.models.manifest import load_collection
from app.adapters.adapters_service import AdaptersService
from app.api.endpoints import Endpoints
from app.api.turns import Turns
from app.export import files
from app.export.adapter_file import write_adapter
from app.methods.methods_service import MethodsService
from app.page import build_page
from app.server.pages import Pages
from app.state.settings.view_settings import ViewSettings
from app.widgets.panels import encode
from tests.analysis.models.spoiled import configured
from tests.app.visit import Visit
from tests.tiny import tiny_collection

ADAPTERS = ("spanish", "math")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection's folder whose adapters name a folder, and with fitted files that are none."""
    folder = tmp_path_factory.mktemp("hidden") / "collection"
    tiny_collection(folder, ADAPTERS)
    for name in ADAPTERS:
        trained = folder.parent / "trained" / "base-of-mine"
        configured(base_model_name_or_path=str(trained), lora_alpha=-8)(folder / "adapters" / name)
    fits = [method.fit.file for method in methods().values() if method.fit is not None]
    assert fits
    for name in ("lenses/jacobian.safetensors", *fits):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"no tensors")
    return folder


@pytest.fixture(scope="module")
def collection(folder: Path) -> Collection:
    return load_collection(folder)


@pytest.fixture(scope="module")
def visit(collection: Collection) -> Visit:
    return Visit(collection)


@pytest.fixture
def tells_nothing(folder: Path) -> Callable[[str], str]:
    places = [str(folder.parent), str(Path(__file__).resolve().parents[2]), str(Path.home())]

    def check(text: str) -> str:
        found = [place for place in places if len(place) > 1 and place in text]
        assert found == [], text[max(0, text.find(found[0]) - 200) :][:600]
        return text

    return check


def test_the_page_and_its_configuration(
    collection: Collection, visit: Visit, tells_nothing: Callable[[str], str]
) -> None:
    pages = Pages(lambda *_: visit.engine, build_page, public=True)
    demo, options = build_page(pages, pages.first(collection, visit.loader))
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **options)
    try:
        for path in ("", "config", "gradio_api/info", "theme.css"):
            with urllib.request.urlopen(f"{address}{path}", timeout=60) as answer:
                assert len(tells_nothing(answer.read().decode())) > 100
    finally:
        demo.close()


def test_adapters_and_methods(
    collection: Collection, visit: Visit, tells_nothing: Callable[[str], str]
) -> None:
    adapters = AdaptersService(collection, visit.loader, Pages(lambda *_: visit.engine))
    adapters.inspect_all()
    shown = tells_nothing(encode(adapters.panel()))
    assert "base-of-mine" in shown and "alpha is negative" in shown
    service = MethodsService(visit.loader)
    service.find_available()
    assert "cannot be read" in tells_nothing(encode(service.panel()))


def test_programs(
    collection: Collection, visit: Visit, folder: Path, tells_nothing: Callable[[str], str]
) -> None:
    pages = Pages(lambda *_: visit.engine, public=True)
    endpoints = Endpoints(collection, Turns(visit.loader, pages.request_queue), pages)
    told = json.dumps([endpoints.inspect("math"), endpoints.collections()])
    assert "base-of-mine" in tells_nothing(told)
    with pytest.raises(gr.Error, match=r"jacobian.*cannot be read") as error:
        endpoints.trace("Who asks?", lens="jacobian")
    tells_nothing(str(error.value))
    weights = folder / "adapters" / "math" / TENSORS
    aside = weights.rename(weights.with_name("aside"))
    try:
        refused = endpoints.inspect("math")["refused"]
    finally:
        aside.rename(weights)
    assert f"math has no {TENSORS}" in tells_nothing(refused)


def test_questions_and_exports(
    collection: Collection, visit: Visit, tmp_path: Path, tells_nothing: Callable[[str], str]
) -> None:
    failed = visit.ask("Who asks?", ViewSettings(lens="jacobian"))
    assert "cannot be read" in tells_nothing(str(failed))
    tells_nothing(str(visit.ask("Who asks?")))
    for kind in ("json", "csv", "html", "py"):
        assert len(tells_nothing(files.export(kind, collection, visit.session).text)) > 100
    write_adapter(tmp_path / "fused.zip", collection, visit.session, visit.engine)
    with zipfile.ZipFile(tmp_path / "fused.zip") as archive:
        for name in archive.namelist():
            tells_nothing(f"{name} {archive.read(name).decode('latin-1')}")
