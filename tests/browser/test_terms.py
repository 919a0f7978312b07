"""Terms explain themselves to a pointer and to a finger, whole, also on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import NO_ANSWERS, Open, Site, Visitors, ask, settled

pytestmark = pytest.mark.browser

# Numbers the terms that can be seen, each explanation once.
_NUMBERED = """() => {
    const seen = new Set();
    for (const term of document.querySelectorAll("[data-tip]")) {
        if (!term.checkVisibility() || seen.has(term.dataset.tip)) continue;
        term.dataset.number = seen.size;
        seen.add(term.dataset.tip);
    }
    return seen.size;
}"""

# Brings a term into view, and says where it is once the page no longer scrolls.
_MIDDLE = """async term => {
    term.scrollIntoView({ block: "center" });
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    const { left, top, width, height } = term.getClientRects()[0];
    return [left + width / 2, top + height / 2];
}"""

# What is wrong with the box of a term that the pointer is on.
_FAULTS = """term => {
    const box = document.getElementById("fl-tip");
    const { left, top, right, bottom, width, height } = box.getBoundingClientRect();
    const at = term.getBoundingClientRect();
    const faults = [];
    if (box.hidden || box.textContent !== term.dataset.tip) faults.push("is not explained");
    if (left < 0 || top < 0 || right > innerWidth || bottom > innerHeight) faults.push("leaves the page");
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) faults.push("is cut");
    if (top < at.bottom && bottom > at.top && left < at.right && right > at.left) faults.push("is covered");
    // Two lines, or the width that there is for more.
    if (height > 62 && width < 319) faults.push("is squeezed");
    const seen = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    if (!box.contains(seen)) faults.push(`is below ${seen?.outerHTML.slice(0, 80)}`);
    return faults.map(fault => `${term.textContent.trim().slice(0, 40)} ${fault}`);
}"""  # noqa: E501


def test_a_pointer_reads_every_term_on_a_narrow_page(site: Site, visit: Open) -> None:
    # German has the longest words.
    page = visit(f"{site.address}{NO_ANSWERS}&language=de", width=375)
    ask(page, "Wie viele Äpfel?")
    settled(page)
    page.locator(".fl-fold button").click()
    count = page.evaluate(_NUMBERED)
    assert count > 10
    faults = []
    for number in range(count):
        term = page.locator(f'[data-number="{number}"]')
        for _ in range(3):  # what is drawn meanwhile may move the term away from the pointer
            page.mouse.move(1, 1)
            page.keyboard.press("Escape")  # the box may lie over the next term
            page.mouse.move(*term.evaluate(_MIDDLE))
            found = term.evaluate(_FAULTS)
            if not found:
                break
        faults += found
    assert "\n".join(faults) == ""
    page.locator("h1").hover()
    expect(page.locator("#fl-tip")).to_be_hidden()


def _tap(page: Page, selector: str) -> None:
    page.locator(selector).first.tap()


def test_a_finger_opens_and_closes_a_term(
    site: Site, chromium: Browser, visitors: Visitors
) -> None:
    visitors.trouble.clear()
    context = chromium.new_context(
        has_touch=True, viewport={"width": 375, "height": 800}, locale="fr"
    )
    page = visitors.watched(context.new_page())
    page.goto(f"{site.address}?lesson=adapter")
    tip = page.locator("#fl-tip")
    _tap(page, "#lesson .words .term >> text=token")
    expect(tip).to_contain_text("morceau de texte")
    # The explanation stays when it is touched itself, as somebody does who selects its text.
    tip.tap()
    expect(tip).to_be_visible()
    _tap(page, "#lesson figcaption")
    expect(tip).to_be_hidden()
    _tap(page, "#lesson .words .term >> text=token")  # the same again
    expect(tip).to_be_visible()
    _tap(page, "#lesson .primary")  # closes it, and acts at once
    expect(tip).to_be_hidden()
    expect(page.locator("#lesson .tile").first).to_be_visible()
    # The label of a field explains itself, and leaves the field as it is.
    page.get_by_role("tab", name="Explorer").tap()
    _tap(page, ".fl-fold button")
    label = page.locator("#lens .term")
    label.tap()
    expect(label).to_be_focused()
    expect(tip).to_have_text(label.get_attribute("data-tip") or "")
    assert not visitors.trouble
    context.close()
