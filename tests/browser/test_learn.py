"""The Learn tab in a browser: as a student by keyboard and by touch, and as a teacher."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Open, Site, Visitors, settled, violations
from tests.browser.lesson_answers import LESSONS, number_asked

pytestmark = pytest.mark.browser


def _tab_to(page: Page, selector: str) -> None:
    """Walks to an element with the Tab key, once it is there and can be used."""
    expect(page.locator(selector).first).to_be_visible()
    expect(page.locator(selector).first).to_be_enabled()
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab leads to no {selector}")


def _press(page: Page, selector: str, *keys: str) -> None:
    _tab_to(page, selector)
    for key in keys or ("Enter",):
        page.keyboard.press(key)


def _check(page: Page) -> None:
    """Answers a check by keyboard, wrong at first, then with what hints and the page say."""
    if page.locator("#check-number").count():
        _tab_to(page, "#check-number")
        page.keyboard.type("7,5")
        page.keyboard.press("Enter")
        expect(page.locator("#lesson .feedback")).to_have_attribute("data-verdict", "no")
        for _ in range(2):
            page.locator("#lesson .feedback").focus()
            _press(page, "#lesson .hints button")
        expect(page.locator("#lesson .hints li")).to_have_count(2)
        expect(page.locator("#lesson .hints li").last).to_be_focused()
        page.locator("#lesson h2").focus()
        _tab_to(page, "#check-number")
        page.keyboard.press("Control+a")
        page.keyboard.type(number_asked(page))
        page.keyboard.press("Enter")
    else:
        several = page.locator("#lesson .tile input[type=checkbox]").count() > 0
        # One tile after the other, or each set of the three tiles.
        for place in (0, 1, 0, 2, 0, 1, 0) if several else range(6):
            page.locator("#lesson h2").focus()
            _press(page, "#lesson .tile input", *(["Tab"] * place if several else []), "Space",
                   *([] if several else ["ArrowDown"] * place))  # fmt: skip
            _press(page, "#lesson .primary")
            if page.locator("#lesson .feedback[data-verdict=yes]").count():
                break
    expect(page.locator("#lesson .feedback")).to_have_attribute("data-verdict", "yes")


def _walk(page: Page, lesson: str, looked_at: bool) -> None:
    """Goes through a lesson by keyboard."""
    troubles: list[str] = []

    def look() -> None:
        if looked_at:
            troubles.extend(violations(page))

    look()
    sentence = page.locator("#lesson .lesson-figure .sentence")
    before = sentence.inner_text()
    _press(page, "#lesson input[type=range]", "Home")
    if lesson != "fusing":  # its first way of fusing does not care about the slider
        expect(sentence).not_to_have_text(before)
    _press(page, "#lesson .primary")
    look()
    _press(page, "#lesson .tile input", "Space")
    _press(page, "#lesson .primary")
    expect(page.locator("#lesson .compared")).to_be_visible()
    look()
    _press(page, "#lesson .primary")
    expect(page.locator("#lesson .result")).to_be_focused()
    _press(page, "#lesson .primary")
    look()
    _tab_to(page, "#explanation-text")
    page.keyboard.type("It adds numbers.")
    _press(page, "#lesson .primary")
    expect(page.locator("#lesson .good")).to_be_visible()
    _press(page, "#lesson .primary")
    look()
    _check(page)
    _press(page, "#lesson .primary")
    look()
    _press(page, "#lesson .primary")
    expect(page.locator("#lesson .finished")).to_be_visible()
    assert troubles == []


def test_a_class_by_keyboard_then_its_teacher(site: Site, visit: Open, tmp_path: Path) -> None:
    page = visit(site.address)
    page.get_by_role("tab", name="Learn").press("Enter")
    _press(page, "#lesson [data-lesson=adapter] button")
    expect(page.locator("#lesson h2")).to_be_focused()
    for lesson in LESSONS:
        expect(page).to_have_url(re.compile(f"lesson={lesson}"))
        _walk(page, lesson, looked_at=lesson == "weights")
        if lesson == "difference":  # a run in Explore, and back
            _press(page, "#lesson .actions button:not(.primary):not(.quiet)")
            expect(page.locator("#grid")).to_be_visible()
            settled(page)
            page.locator("#back-to-lesson").press("Enter")
            _tab_to(page, "#lesson .primary")
        if lesson == "fusing":  # own weights: nothing answers before something is painted
            own = [page.locator(f"#lesson [data-key={key}]")
                   for key in ("own_answers", "undo", "reset")]  # fmt: skip
            assert all(button.is_disabled() for button in own)
            page.locator("#lesson-grid .choices button").first.press("Enter")
            for button in own:
                expect(button).to_be_enabled()
            own[2].press("Enter")
            expect(own[0]).to_be_disabled()
            page.locator("#lesson h2").focus()
            _tab_to(page, "#lesson .primary")
        expect(page.locator("#lesson .primary")).to_be_focused()
        page.keyboard.press("Enter")
    expect(page.locator("#lesson .lessons [data-done='1']")).to_have_count(6)

    # The work stays when the page is loaded again, and comes as one file.
    page.goto(f"{site.address}?lesson=")
    expect(page.locator("#lesson .lessons [data-done='1']")).to_have_count(6)
    page.get_by_label("Your name").fill("Ada")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download my work").click()
    written = Path(saved.value.path()).read_text(encoding="utf-8")
    (inside,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', written)
    work = json.loads(inside)
    assert set(work["lessons"]) == set(LESSONS) and "It adds numbers." in written
    assert work["lessons"]["weights"]["check"]["hints"] == 2

    # The teacher drops five files.
    files = []
    for number, name in enumerate(("Ada", "Bo", "=1+1", "", "Zoë")):
        page.get_by_label("Your name").fill(name)
        with page.expect_download() as saved:
            page.get_by_role("button", name="Download my work").click()
        files.append(tmp_path / f"{number}.html")
        saved.value.save_as(files[-1])
    page.get_by_role("button", name="For teachers").click()
    expect(page.locator("#lesson .qr path")).to_be_visible()
    foreign = tmp_path / "foreign.html"
    foreign.write_text("<p>Nothing.</p>")
    page.set_input_files("#student-files", [*files, foreign])
    message = page.locator("#lesson .message").last
    expect(message).to_contain_text("Files read: 5. foreign.html is no file of Fusion Lens")
    expect(page.locator("#lesson .class tbody tr")).to_have_count(30)
    with page.expect_download() as table:
        page.get_by_role("button", name="Download the table").click()
    rows = list(csv.DictReader(io.StringIO(Path(table.value.path()).read_text("utf-8-sig"))))
    of_weights = [row for row in rows if row["Lesson"] == "From differences to weights"]
    assert [row["Student"] for row in of_weights] == ["Ada", "Bo", "'=1+1", "Student 4", "Zoë"]
    assert {(row["Attempts"], row["Hints"]) for row in of_weights} == {("2", "2")}
    assert all("a weight is a share of the sum" in row["Misconceptions"] for row in of_weights)
    assert violations(page) == []


def test_a_lesson_in_spanish_by_touch(site: Site, chromium: Browser, visitors: Visitors) -> None:
    visitors.trouble.clear()
    context = chromium.new_context(
        has_touch=True, viewport={"width": 820, "height": 1180}, locale="es-MX"
    )
    page = visitors.watched(context.new_page())
    page.goto(f"{site.address}?lesson=difference&projector=1&collection=other")
    expect(page.locator("#lesson h2")).to_contain_text("Medir una diferencia")
    expect(page.locator("#lesson > * .fl-panel")).to_have_attribute("lang", "es")
    expect(page.locator("#lesson")).to_contain_text("Este enlace es para la colección «other»")
    page.keyboard.press("PageDown")
    expect(page.locator("#lesson .tile").first).to_be_visible()
    page.keyboard.press("PageDown")  # nothing is chosen yet
    expect(page.locator("#lesson .warning")).to_have_text("Elige primero una respuesta.")
    page.tap("#lesson .tile >> nth=0")
    page.keyboard.press("PageDown")  # goes on with the focus on a choice
    expect(page.locator("#lesson .compared")).to_be_visible()
    page.tap("#lesson .side .quiet")  # out of the projector's view
    page.tap("#lesson .primary")
    expect(page.locator("#lesson .result")).to_contain_text("divergencia media")
    assert page.evaluate("document.documentElement.scrollWidth") <= 820
    for language in ("fr", "de", "es"):
        page.locator("#lesson .side select").focus()
        page.select_option("#lesson .side select", language)
        expect(page.locator("#lesson .side select")).to_be_focused()
        # The choice in a lesson is that of the whole page.
        asks = {"fr": "Demander", "de": "Fragen", "es": "Preguntar"}
        expect(page.locator("#ask")).to_have_text(asks[language])
        expect(page.locator("#masthead select.language")).to_have_value(language)
        assert f"language={language}" in page.url
        # Of another language the words alone are new.
        assert violations(page, contrast=language == "es") == []
    # The way back from Explore stays there, and is said again.
    page.get_by_role("button", name="Abrir esta prueba en Explorar").tap()
    settled(page)
    back = page.locator("#back-to-lesson")
    for language, said in (("fr", "‹ Revenir à la leçon"), ("es", "‹ Volver a la lección")):
        page.select_option("#masthead select.language", language)
        expect(back).to_contain_text(said)
    back.tap()
    expect(page.locator("#lesson .result")).to_be_visible()
    expect(back).to_have_count(0)
    lens = page.locator('#lens [data-testid="block-info"]')
    expect(lens).to_have_text("Lente")
    expect(lens).to_have_attribute("data-tip", re.compile("^Convierte el estado"))
    page.tap("#lesson .primary")
    page.fill("#explanation-text", "Suma las diferencias.")
    page.tap("#lesson .primary")
    page.tap("#lesson .primary")
    # The last hint shows the cell in the grid.
    for place in range(3):
        page.tap("#lesson .hints button")
        if place < 2:
            page.tap(f"#lesson .tile >> nth={place}")
            page.tap("#lesson .primary")
            if page.locator("#lesson .feedback[data-verdict=yes]").count():
                break
    else:
        expect(page.locator("#lesson-explanation .fl-panel")).to_have_attribute(
            "data-cell", re.compile(r"Capa \d")
        )
        expect(page.locator("#lesson .hints li")).to_have_count(3)
    assert not visitors.trouble
    context.close()
