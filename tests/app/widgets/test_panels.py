from pathlib import Path

import plotly
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.widgets import panels

SCRIPT = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def test_plotly_comes_packed_and_whole() -> None:
    with TestClient(Starlette(routes=panels.routes())) as client:
        packed = client.get("/fusion-lens/plotly.js", headers={"accept-encoding": "gzip, br"})
        plain = client.get("/fusion-lens/plotly.js", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < SCRIPT.stat().st_size / 3
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == SCRIPT.read_bytes()
