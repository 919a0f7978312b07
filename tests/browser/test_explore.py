"""Looks into a run: why a cell, other readings, what if, pin and compare."""

from __future__ import annotations

import re
import threading

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SHORT, Open, Site, ask, settled, violations

pytestmark = pytest.mark.browser

QUERY = "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?"


@pytest.fixture
def page(site: Site, visit: Open) -> Page:
    """A page with a run on it."""
    page = visit(site.address + SHORT)
    ask(page, QUERY)
    settled(page)
    site.calls.clear()
    return page


def _choose(page: Page, control: str, option: str) -> None:
    page.locator(f"{control} input").click()
    page.get_by_role("option", name=option).click()


def _number(text: str) -> float:
    """A number as the page writes it, with a true minus."""
    return float(text.replace("−", "-"))


def _numbers(page: Page) -> list[list[float]]:
    """The grid's numbers, from its table."""
    if page.locator("#grid .table").is_hidden():
        page.get_by_role("button", name="Show as table").click()
    rows = page.locator("#grid tbody tr").all()
    return [[_number(text) for text in row.locator("td").all_inner_texts()] for row in rows]


def test_cells_are_explained_and_other_readings_are_instant(site: Site, page: Page) -> None:
    panel = page.locator("#explanation .fl-panel")
    expect(panel).to_have_attribute("data-cell", re.compile("Layer"))
    page.focus("#grid .figure")
    page.keyboard.press("Home")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    expect(panel).to_have_attribute("data-cell", "Layer 1 · Math")
    expect(page.locator("#grid [aria-live]")).to_have_text(re.compile(r"layer 1, Math: 0\.\d\d"))
    # The arithmetic ends in the weight of the grid.
    page.focus("#grid .figure")
    page.keyboard.press("Home")
    for key in ("ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    expect(panel).to_have_attribute("data-cell", "Layer 0 · Spanish")
    result = page.locator("#explanation .step").last.inner_text().split("=")[-1]
    assert float(result) == pytest.approx(_numbers(page)[0][0], abs=0.006)
    shares = page.locator("#explanation .shares .percent").all_inner_texts()
    assert shares and sum(int(share.rstrip("%")) for share in shares) <= 102
    page.get_by_role("button", name="Show as chart").click()
    # After twelve quick clicks the last cell is explained.
    page.locator("#grid .nsewdrag").scroll_into_view_if_needed()
    box = page.locator("#grid .nsewdrag").bounding_box()
    assert box is not None
    quick = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 4, 7]
    for layer, adapter in (divmod(index, 3) for index in quick):
        page.mouse.click(
            box["x"] + (adapter + 0.5) * box["width"] / 3,
            box["y"] + (layer + 0.5) * box["height"] / 3,
        )
    expect(panel).to_have_attribute("data-cell", "Layer 2 · Math")
    page.get_by_role("button", name="Show as table").click()
    cells = page.locator("#grid td")
    for index in [*quick[:-1], 3]:
        cells.nth(index).click()
    expect(panel).to_have_attribute("data-cell", "Layer 1 · Spanish")
    # Other readings are instant, and say how the paper reads.
    note = page.locator("#grid .note")
    expect(note).to_contain_text("The paper uses the raw lens.")
    # Where a lens takes long to be read, the grid says that it still shows the numbers before.
    go, kept = threading.Event(), site.engine.kept_relevance
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(site.engine, "kept_relevance", lambda *given: go.wait(300) and kept(*given))
        page.locator("#lens").get_by_label("Raw · paper").check()
        expect(page.locator("#grid .old")).to_contain_text("still the numbers from before")
        expect(page.locator('#answers .fl-panel[data-before="1"]')).to_have_count(0)
        go.set()
        expect(page.locator("#grid .old")).to_be_hidden()
    expect(note).to_contain_text("These are the paper's settings.")
    page.get_by_role("button", name="More view settings").click()
    _choose(page, "#metric", "Jensen–Shannon")
    expect(note).to_contain_text("Jensen–Shannon")
    _choose(page, "#normalisation", "Softmax")
    expect(note).to_contain_text("softmax at T = 1")
    _choose(page, "#position", "Prompt's last token")
    expect(note).to_contain_text("last token of the prompt")
    assert sum(_numbers(page)[0]) == pytest.approx(1.0, abs=0.02)
    assert site.calls == []


def test_weights_are_painted_by_dragging_and_by_keys_and_answer(site: Site, page: Page) -> None:
    page.locator("#show").get_by_label("What-if").check()
    expect(page.locator("#grid h2")).to_have_text("What-if weights by layer")
    # What explains a choice goes with the pointer.
    expect(page.locator("#fl-tip")).to_contain_text("paint yourself")
    page.mouse.move(640, 10)
    expect(page.locator("#fl-tip")).to_be_hidden()
    page.locator("#grid .nsewdrag").scroll_into_view_if_needed()
    box = page.locator("#grid .nsewdrag").bounding_box()
    assert box is not None
    across = box["x"] + 1.5 * box["width"] / 3
    for layer in range(3):
        page.mouse.move(across, box["y"] + (layer + 0.5) * box["height"] / 3)
        if layer == 0:
            page.mouse.down()
    page.mouse.up()
    page.get_by_role("button", name="Show as table").click()
    second = page.locator("#grid tbody td:nth-child(3)")
    expect(second).to_have_text(["1.00"] * 3)
    expect(page).to_have_url(re.compile("paint=math%3A0-2%3D1"))
    page.click("#undo-painting")
    expect(second.first).not_to_have_text("1.00")
    expect(page).not_to_have_url(re.compile("paint="))
    assert site.calls == []
    page.get_by_role("button", name="Show as chart").click()
    # By keys, on the chart.
    page.locator("#brush-weight input[type=number]").fill("0")
    page.locator("#brush-weight input[type=number]").press("Tab")
    _choose(page, "#brush-scope", "Adapter in all shown layers")
    page.focus("#grid .figure")
    page.keyboard.press("Home")
    for key in ("ArrowLeft", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#grid tbody td").first).to_have_text("0.00")
    assert [row[0] for row in _numbers(page)] == [0.0, 0.0, 0.0]
    expect(page.locator("#profile h2")).to_have_text("Painted weight over the layers")
    # In the table as well, and each stroke where the keys are by then.
    _choose(page, "#brush-scope", "This cell")
    page.locator("#brush-weight input[type=number]").fill("2")
    page.locator("#brush-weight input[type=number]").press("Tab")
    page.focus("#grid .table")
    for key in ("Enter", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#grid tbody tr").nth(1).locator("td").first).to_have_text("2.00")
    expect(page.locator("#explanation .step").last).to_have_text("painted weight: 2.00")
    assert [row[0] for row in _numbers(page)] == [2.0, 2.0, 0.0]
    page.click("#answer-shown")
    card = page.locator('#answers .card[data-row="what-if"]')
    expect(card.locator(".t")).to_have_count(8)
    settled(page)
    page.click("#reset-painting")
    expect(page.locator("#grid tbody td").first).not_to_have_text("0.00")
    page.get_by_role("button", name="More view settings").click()
    page.get_by_role("button", name="Answer settings").click()
    assert violations(page) == []


def test_answers_are_compared_and_asked_again_and_tokens_read(site: Site, page: Page) -> None:
    compare = page.locator('#answers .card[data-row="base"] .compare')
    compare.press("Enter")
    parting = page.locator("#parting")
    expect(parting.locator("h2")).to_have_text("Where Base and qa-FLoRA part")
    expect(parting.locator("h2")).to_be_focused()
    expect(parting.locator("ol").first.locator('[data-said="said"]')).to_have_count(1)
    assert violations(page) == []
    parting.get_by_role("button").press("Enter")
    expect(parting.locator(".fl-panel")).to_be_hidden()
    expect(compare).to_be_focused()
    # It is there to be shown again.
    parting.locator(".fl-panel").evaluate("node => (node.dataset.same = '1')")
    compare.press("Enter")
    expect(parting.locator('.fl-panel[data-same="1"]')).to_be_visible()
    expect(page.locator("#status .fl-panel")).to_have_attribute("data-state", "done")
    # Answers say that the grid has moved on, and answer again.
    drift = page.locator("#answers .drift")
    expect(drift).to_be_hidden()
    site.passes.clear()
    page.locator("#lens").get_by_label("Raw · paper").check()
    expect(drift).to_contain_text("The grid now shows weights with raw lens")
    drift.get_by_role("button", name="Answer again").click()
    expect(drift).to_be_hidden()
    settled(page)
    assert site.calls == ["trace", "answer"]
    # Fewer adapters share the weights at once, and the model does not run.
    page.locator("#adapters").get_by_label("Spanish").uncheck()
    expect(drift).to_contain_text("The grid now divides the weights among Math and <img")
    assert [sum(row) for row in _numbers(page)] == [pytest.approx(1.0, abs=0.011)] * 3
    page.locator("#all-adapters").click()
    expect(drift).to_be_hidden()
    assert site.calls == ["trace", "answer"] and site.passes == []
    # Every token is read on demand, and once.
    site.calls.clear()
    page.get_by_role("button", name="Show as chart").click()
    tokens = page.locator("#tokens .fl-panel")
    expect(tokens).to_be_hidden()
    page.click("#every-token")
    settled(page)
    expect(tokens).to_have_attribute("data-drawn", re.compile("-tokens"))
    page.focus("#grid .figure")
    for key in ("Home", "ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    expect(tokens.locator("h2")).to_have_text("Math at every token")
    tokens.get_by_role("button", name="One layer").click()
    expect(tokens.locator("h2")).to_have_text("Layer 1 at every token")
    # The choice stays where another cell is looked at, and so does the table of its numbers.
    tokens.get_by_role("button", name="Show the numbers").press("Enter")
    expect(tokens.locator("thead th")).to_have_text(
        ["Token", "Spanish", "Math", re.compile("<img")]
    )
    page.focus("#grid .figure")
    page.keyboard.press("ArrowDown")
    expect(tokens.locator("h2")).to_have_text("Layer 2 at every token")
    expect(tokens.locator("tbody tr")).to_have_count(page.locator("#prompt li").count())
    # Every token is there to read now: a token of the prompt, by keys.
    page.locator("#prompt summary").press("Enter")
    page.locator('#prompt button[aria-pressed="true"]').first.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#grid .note")).to_contain_text("token 1 of the prompt")
    expect(page.locator("#prompt li.read")).to_have_text(
        page.locator("#prompt li").nth(1).inner_text()
    )
    expect(page).to_have_url(re.compile("at=token%3A1"))
    page.get_by_role("button", name="More view settings").click()
    expect(page.locator("#position input")).to_have_value("Token 1")
    assert violations(page) == []
    # Another reading has other numbers: what was read before would be wrong beside it, and goes
    # before the model has read the tokens anew.
    site.layers.hold()
    page.locator("#lens").get_by_label("Normalised").check()
    expect(tokens).to_be_hidden()
    site.layers.free()
    expect(tokens).to_be_visible()
    expect(page.locator("#grid .note")).to_contain_text("norm lens, KL divergence, token 1")
    settled(page)
    assert site.calls == []


def test_spread_over_variants_is_shown(site: Site, page: Page) -> None:
    page.get_by_role("button", name="Robustness checks").click()
    page.click("#check-variants")
    settled(page)
    expect(page.locator("#variants h2")).to_contain_text("variants")
    offered = site.calls.count("trace")
    assert offered >= 3
    page.fill("#variant-lines textarea", "\n".join(f"variant {number}" for number in range(9)))
    page.click("#check-variants")
    settled(page, "error")
    expect(page.locator("#status [role=alert]")).to_contain_text("at most 8")
    page.fill("#variant-lines textarea", "How many apples?")
    page.click("#check-variants")
    settled(page)
    expect(page.locator("#variants h2")).to_contain_text("over 2 variants")
    with page.expect_download() as saved:
        page.locator("#variants").get_by_role("button", name="Save as CSV").click()
    assert saved.value.suggested_filename.endswith("-variants.csv")
    assert saved.value.path().read_text().count("\n") == 1 + 3 * site.engine.layers


def test_pinned_run_is_compared_with_the_next(page: Page, visit: Open) -> None:
    before = _numbers(page)
    page.click("#pin")
    page.locator("#show").get_by_label("Difference from pin").check()
    expect(page.locator("#grid .sentence")).to_contain_text("No weight differs")
    # The same question with another lens: its cards have the pinned answers, too, and say if equal.
    page.locator("#lens").get_by_label("Raw · paper").check()
    expect(page.locator("#answers .drift")).to_be_visible()
    page.locator("#answers .drift button").click()
    lines = page.locator("#answers .pin:visible")
    expect(lines).to_have_count(2)
    expect(page.locator('#answers [data-row="base"] .pin')).to_have_text("Pinned the same answer")
    note = page.locator("#answers .pin-note")
    expect(note).to_have_text(re.compile("Pinned run of this question: norm lens; .* the same"))
    expect(page.locator("#pinned_answers .card:visible")).to_have_count(0)
    expect(page.locator("#grid .about")).to_be_hidden()
    settled(page)
    page.locator("#lens").get_by_label("Normalised").check()
    expect(page.locator("#grid .sentence")).to_contain_text("No weight differs")
    ask(page, "The capital of France is Paris.")
    settled(page)
    expect(page.locator("#grid .sentence")).to_contain_text("Largest differences")
    changed = _numbers(page)
    page.locator("#show").get_by_label("Weights").check()
    expect(page.locator("#grid h2")).to_have_text(
        "How much each adapter changes the model, layer by layer"
    )
    after = _numbers(page)
    for row_a, row_b, row_d in zip(before, after, changed, strict=True):
        for a, b, d in zip(row_a, row_b, row_d, strict=True):
            assert d == pytest.approx(b - a, abs=0.011)
    # Both runs side by side: their answers, and their grids.
    expect(page.locator("#pinned_answers .caption")).to_contain_text("Pinned: “María tiene")
    expect(page.locator("#pinned_answers .card")).to_have_count(2)
    page.locator("#show").get_by_label("Beside the pin").check()
    expect(page.locator("#pinned_grid h2")).to_have_text("Weights of the pinned run")
    page.wait_for_function("document.querySelector('#pinned_grid .nsewdrag')")
    assert violations(page) == []
    # The link brings both back.
    expect(page).to_have_url(re.compile("show=beside"))
    again = visit(page.url)
    expect(again.locator("#pinned_grid h2")).to_have_text("Weights of the pinned run")
    expect(again.locator("#pinned_answers .card")).to_have_count(2)
    settled(again)
    expect(again.locator("#show").get_by_label("Beside the pin")).to_be_checked()
    page.bring_to_front()
    page.click("#pin")
    expect(page.locator("#show").get_by_label("Difference from pin")).to_have_count(0)
    expect(page.locator("#pinned_answers .card")).to_have_count(0)


def test_cell_of_a_difference_is_explained_whichever_adapters_it_leaves_out(page: Page) -> None:
    page.locator("#adapters").get_by_label("Spanish").uncheck()
    about = page.locator("#grid .about")
    ask(page, "How many apples?")
    expect(about).to_have_text("for“How many apples?”")
    page.click("#pin")
    page.locator("#adapters").get_by_label("Spanish").check()
    ask(page, "How many pears?")
    expect(about).to_have_text("for“How many pears?”pinned“How many apples?”")
    page.locator("#show").get_by_label("Difference from pin").check()
    why = page.locator("#explanation .fl-panel")
    expect(page.locator("#grid .sentence")).to_contain_text("for the shared adapters")
    page.get_by_role("button", name="Show as table").click()
    expect(page.locator("#grid thead th")).to_have_count(3)
    first = page.locator("#grid tbody td").first
    first.click()
    expect(why).to_have_attribute("data-cell", "Layer 0 · Math")
    expect(first).to_have_class("selected")
    # The panel ends in the number that stands on the cell.
    shown = _number(page.locator("#explanation .step").last.inner_text().split("=")[-1])
    assert shown == pytest.approx(_number(first.inner_text()), abs=0.006)
    page.focus("#grid .table")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(why).to_have_attribute("data-cell", re.compile("Layer 1 · <img"))
    # Nothing in common: that is said, and nothing else is drawn in its place.
    for label in ("Math", "img src"):
        page.locator("#adapters").get_by_label(label).uncheck()
    ask(page, "How many plums?")
    expect(page.locator("#grid .sentence")).to_contain_text("share no adapter")
    expect(page.locator("#profile .fl-panel")).to_be_hidden()
