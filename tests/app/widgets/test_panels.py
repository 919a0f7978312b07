import re
from pathlib import Path

import plotly
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.widgets import panels
from app.widgets.glossary import load_glossary
from app.widgets.words.dictionaries import load_dictionaries

SCRIPT = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def test_plotly_comes_packed_and_whole() -> None:
    with TestClient(Starlette(routes=panels.routes())) as client:
        packed = client.get("/fusion-lens/plotly.js", headers={"accept-encoding": "gzip, br"})
        plain = client.get("/fusion-lens/plotly.js", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < SCRIPT.stat().st_size / 3
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == SCRIPT.read_bytes()


def test_the_page_names_the_words_of_each_language_and_holds_none() -> None:
    glossary = load_glossary()
    dictionaries = load_dictionaries(glossary)
    head = panels.head(glossary, dictionaries)
    spanish = dictionaries["es"]
    assert spanish.words["Explore"] == "Explorar" and "Explorar" not in head
    (address,) = re.findall(r'"words":"(fusion-lens/words/es\.json\?\w+)"', head)
    with TestClient(Starlette(routes=panels.routes(dictionaries))) as client:
        packed = client.get(address, headers={"accept-encoding": "gzip"})
        plain = client.get(address, headers={"accept-encoding": "identity"})
    assert (
        packed.headers["content-encoding"] == "gzip"
        and "immutable" in (packed.headers["cache-control"])
    )
    assert packed.json() == plain.json() and plain.json()["words"] == dict(spanish.words)
