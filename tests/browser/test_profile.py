"""Many queries at once: from a file, stopped, sorted, saved, and one of them opened in Explore."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HOSTILE, NO_ANSWERS, Open, Site, settled, violations

pytestmark = pytest.mark.browser

QUERIES = (
    "How many quinces?",
    f"{HOSTILE} María tiene 3 manzanas.",
    "The capital of France is Paris.",
)


def test_a_file_of_queries_is_read_sorted_saved_and_opened(
    site: Site, visit: Open, tmp_path: Path
) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text("\n".join(json.dumps({"query": one}) for one in QUERIES), encoding="utf-8")
    page = visit(site.address + NO_ANSWERS)
    page.get_by_role("tab", name="Profile").click()
    status = page.locator("#profile-status .fl-panel")
    page.locator("#profile-list input").click()
    page.get_by_role("option", name="Your own list").click()
    # A link holds the settings, and that the list is one's own.
    page.locator("#profile-most input").fill("7")
    page.wait_for_function("location.search.includes('profile_most=7')")
    page.wait_for_function("location.search.includes('profile=own')")
    page.locator("#profile-link button").click()
    copied = page.locator("#profile-link [role=status]")
    expect(copied).to_have_text("Copied the link, without the queries of your own list")
    other = visit(page.evaluate("navigator.clipboard.readText()"), beside=page)
    expect(other.locator("#profile-most input")).to_have_value("7")
    expect(other.locator("#profile-own textarea")).to_be_visible()
    other.close()
    page.bring_to_front()
    own = page.locator("#profile-own textarea")
    own.fill('one\n{"a": 1}\n{}')
    page.click("#profile-read")
    expect(status.locator("[role=alert]")).to_contain_text("Lines 2 and 3 have no query")
    page.locator("#profile-file input").set_input_files(path)
    expect(page.locator("#profile-file [role=status]")).to_have_text(
        "The field holds queries.jsonl"
    )

    # Stopped while the second is read: the first stays.
    site.layers.hold()
    site.layers.allow(site.engine.layers)
    page.click("#profile-read")
    expect(status).to_contain_text("1 of 3")
    page.click("#profile-stop")
    expect(status).to_have_attribute("data-state", "stopped")
    site.layers.free()
    expect(status).to_contain_text("Stopped: the profile is that of the first 1 of 3 queries.")
    rows = page.locator("#profile-rows tbody tr")
    expect(rows).to_have_count(1)

    page.click("#profile-read")
    expect(rows).to_have_count(3)
    expect(status).to_contain_text("Read 3 queries")
    expect(page.locator("#profile-weights h2")).to_have_text(
        "Mean weight over 3 queries ± standard deviation"
    )
    expect(page.locator("#profile-weights .sentence").first).to_contain_text("Early (layer 0): ")
    assert violations(page) == []
    # The page, its files and the engine have the same numbers.
    saved = {}
    for kind in ("CSV", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Save as {kind}").click()
        saved[kind] = download.value.path().read_text(encoding="utf-8")
    found = json.loads(saved["JSON"])
    assert [one["query"] for one in found["queries"]] == list(QUERIES)
    settings = site.engine.settings
    weights = settings.weigh(site.engine.relevance(site.engine.prompt(QUERIES[1])).values_LK)
    assert found["queries"][1]["weights"] == weights.tolist()
    lines = list(csv.DictReader(io.StringIO(saved["CSV"])))
    math = [float(line["math_mean"]) for line in lines]
    assert rows.locator("td:nth-of-type(5)").all_inner_texts() == [f"{one:.2f}" for one in math]

    head = page.locator("#profile-rows thead").get_by_role("button", name="Math")
    head.press("Enter")
    expect(head).to_be_focused()
    expect(page.locator("#profile-rows th[aria-sort]")).to_have_attribute("aria-sort", "descending")
    order = sorted(range(3), key=lambda at: -math[at])
    assert rows.locator(".place").all_inner_texts() == [str(at + 1) for at in order]
    page.set_viewport_size({"width": 375, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.set_viewport_size({"width": 1280, "height": 900})

    site.calls.clear()
    rows.nth(order.index(1)).get_by_role("button").press("Enter")
    settled(page)
    assert page.input_value("#query textarea") == QUERIES[1]
    page.get_by_role("button", name="Show as table").click()
    shown = [float(text) for text in page.locator("#grid tbody td").all_inner_texts()]
    assert shown == pytest.approx(weights.flatten().tolist(), abs=0.006)
    assert page.title() == "Fusion Lens"
