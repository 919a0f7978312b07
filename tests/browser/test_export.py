"""Takes a run elsewhere: permalinks and files."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterator
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.state import snapshot
from app.widgets.colours import HATCH, SCALES, colour
from tests.browser.conftest import HOSTILE, SHORT, Open, Site, ask, settled

pytestmark = pytest.mark.browser

QUERY = "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?"


def test_link_restores_query_and_settings(site: Site, visit: Open) -> None:
    page = visit(
        f"{site.address}{SHORT}&weigh=softmax&softness=0.5&temperature=0.7&seed=3&show=what-if"
    )
    # What a link sets can be changed where it has an effect, also in folds that were closed then.
    expect(page.locator("#show").get_by_label("What-if")).to_be_checked()
    page.get_by_role("button", name="More view settings").click()
    page.get_by_role("button", name="Answer settings").click()
    for control in ("#softmax-temperature", "#top-p", "#seed", "#brush-weight"):
        expect(page.locator(f"{control} input").first).to_be_enabled()
    page.locator("#lens").get_by_label("Raw · paper").check()
    page.locator("#adapters").get_by_label("Math").uncheck()
    ask(page, QUERY)
    settled(page)
    table = "#grid tbody"
    page.get_by_role("button", name="Show as table").click()
    numbers = page.inner_text(table)
    address = page.url
    assert "lens=raw" in address and "softness=0.5" in address and "__theme=light" in address
    # Where the page may not write to the clipboard it copies otherwise, or says that it cannot.
    said = page.locator("#export .message")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { get: () => window.no })")
    page.click("text=Copy link")
    expect(said).to_have_text("Copied the link")
    page.evaluate("document.execCommand = () => false")
    page.click("text=Copy link")
    expect(said).to_contain_text("does not allow copying")

    again = visit(address)
    settled(again)
    assert again.input_value("#query textarea") == QUERY
    assert again.locator("#lens").get_by_label("Raw · paper").is_checked()
    assert not again.locator("#adapters").get_by_label("Math").is_checked()
    again.get_by_role("button", name="Show as table").click()
    assert again.inner_text(table) == numbers


def test_hostile_link_is_shown_as_text_and_explained(site: Site, visit: Open) -> None:
    given = {"q": f"{HOSTILE}\u202e", "lens": "<script>", "temperature": "nan", "length": "8"}
    page = visit(f"{site.address}?{urlencode(given)}")
    settled(page)
    assert page.input_value("#query textarea") == given["q"]
    assert page.locator("#lens").get_by_label("Normalised").is_checked()
    page.locator("#prompt summary").click()
    expect(page.locator("#prompt .tokens")).to_contain_text("⟨E2⟩⟨80⟩⟨AE⟩")
    assert page.title() == "Fusion Lens"
    # What was ignored is still said after the question was answered, until the visitor has read it.
    notice = page.locator("#status .notice")
    expect(notice).to_contain_text("The value of lens and temperature in the link is not valid")
    notice.get_by_role("button").press("Enter")
    expect(notice).to_be_hidden()
    # The buttons that take a method away name it.
    expect(page.locator("#methods [role=button]").first).to_have_attribute(
        "aria-label", "Remove Base"
    )


def test_link_without_a_query_asks_nothing(site: Site, visit: Open) -> None:
    page = visit(f"{site.address}?lens=oops")
    expect(page.locator("#status")).to_contain_text("The value of lens in the link is not valid")
    expect(page.locator("#ask")).to_have_text("Ask")
    assert site.calls == []


def test_files_are_saved(site: Site, visit: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    page = visit(site.address + SHORT)
    expect(page.get_by_role("button", name="JSON")).to_be_hidden()
    ask(page, f"{HOSTILE} {QUERY}")
    settled(page)
    weights: list[list[float]] = []
    for kind in ("JSON", "CSV", "Web page", "Python", "PNG", "SVG", "Adapter"):
        content = _saved(page, kind)
        match kind:
            case "JSON":
                weights = json.loads(content)["weights"]
                assert len(weights) == site.engine.layers
            case "PNG":
                _check_pixels(page, content, weights)
            case "Adapter":
                assert content.startswith(b"PK") and b"adapter_model.safetensors" in content
            case "SVG":
                _check_drawing(page, content)
            case "Web page":
                assert b"&lt;img src=x" in content and b"<img" not in content
            case _:
                assert b"layer" in content
    # A second time works as well as the first.
    _check_hatching(page, site, monkeypatch)


def _cells(
    page: Page, content: bytes, layers: int, columns: int, more: int = 0
) -> Iterator[tuple[int, int, Image.Image]]:
    """The left fifth of each cell of an image, beside the number: its layer, column and picture.

    Args:
        page: The page that drew it.
        content: The image's file.
        layers: Its layers.
        columns: Its columns.
        more: Height of what stands below the scale of its legend.
    """
    image = Image.open(io.BytesIO(content)).convert("RGB")
    width, high, layout = page.evaluate(
        "(({ clientWidth, layout }) => [clientWidth, layout.height, layout.margin])"
        "(document.querySelector('#grid .figure'))"
    )
    width, above, below = max(width, 760), 22 * 4 + 12, 64 + more  # caption, legend
    assert image.size == (2 * width, 2 * (high + above + below))
    across = (width - layout["l"] - layout["r"]) / columns
    down = (high - layout["t"] - layout["b"]) / layers
    for layer, column in itertools.product(range(layers), range(columns)):
        x, y = layout["l"] + column * across, layout["t"] + above + layer * down
        corners = (x + 4, y + 4, x + 0.2 * across, y + down - 4)
        yield layer, column, image.crop([round(2 * one) for one in corners])


def _check_pixels(page: Page, content: bytes, weights: list[list[float]]) -> None:
    """The image opened again has its size, and each cell the plain colour of its weight."""
    for layer, column, cell in _cells(page, content, len(weights), len(weights[0])):
        wanted = colour(SCALES["weights"]["light"], weights[layer][column])
        near = [int(wanted[at : at + 2], 16) for at in (1, 3, 5)]
        assert cell.getextrema() == tuple(pytest.approx((one, one), abs=3) for one in near), (
            layer, column
        )  # fmt: skip


def _check_hatching(page: Page, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both pictures have slanted lines on the cells of saturated layers, and on no others."""
    asked = "How many loquats?"  # no other test asks it
    peaks = site.engine.relevance(site.engine.prompt(asked)).peak_L.tolist()
    monkeypatch.setattr(snapshot, "SATURATED", sorted(peaks)[-2])
    ask(page, asked)
    expect(page.locator("#grid .legend .swatch")).to_be_visible()
    settled(page)
    rows = list(csv.DictReader(io.StringIO(_saved(page, "CSV").decode())))
    hatched = {int(row["layer"]) for row in rows if row["saturated"] == "1"}
    assert hatched == {peaks.index(max(peaks))}
    columns = len(rows) // len(peaks)
    for layer, column, cell in _cells(page, _saved(page, "PNG"), len(peaks), columns, more=24):
        shades = len(cell.getcolors(cell.width * cell.height) or [])
        assert (shades > 1) == (layer in hatched), (layer, column, shades)
    root = ElementTree.fromstring(_saved(page, "SVG").decode())
    texts = ["".join(one.itertext()) for one in root.iter() if one.tag.endswith("}text")]
    assert any(text.startswith("▨ ") for text in texts)
    red, green, blue = (int(HATCH["light"][at : at + 2], 16) for at in (1, 3, 5))
    lines = [
        one for one in root.iter() if f"stroke: rgb({red}, {green}, {blue})" in one.get("style", "")
    ]
    assert sum(one.get("d", "").count("M") for one in lines) == 6 * columns


def _check_drawing(page: Page, content: bytes) -> None:
    """The drawing opened again says what it is about, and has the numbers of the grid."""
    root = ElementTree.fromstring(content.decode())
    said = ["".join(one.itertext()) for one in root.iter() if one.tag.rpartition("}")[2] == "text"]
    for words in ("How much each adapter changes the model", "<img src=x", "lens, KL", "weight"):
        assert any(words in text for text in said), words
    if page.locator("#grid .table").is_hidden():
        page.get_by_role("button", name="Show as table").click()
    cells = page.locator("#grid tbody td").all_inner_texts()
    page.get_by_role("button", name="Show as chart").click()
    numbers = [text for text in said if re.fullmatch(r"\d\.\d\d", text)]
    assert numbers == cells
    tags = {one.tag.rpartition("}")[2] for one in root.iter()}
    assert "script" not in tags and "img" not in tags


def _saved(page: Page, kind: str) -> bytes:
    """The content of a file that the page saves."""
    with page.expect_download() as saved:
        page.get_by_role("button", name=kind, exact=True).click()
    return saved.value.path().read_bytes()
