"""What a student works out for the checks of lessons, from what the page shows."""

from __future__ import annotations

import re

from playwright.sync_api import Page

LESSONS = ("adapter", "layer", "difference", "weights", "fusing", "failure")

# What the page says beside the numbers that checks ask for.
_PAIR = {
    "en": r"together get a mean weight of (\d\.\d+)",
    "es": r"juntos un peso medio de (\d,\d+)",
}
_LEADER = {"en": r"weight of (\w+) in", "es": r"peso de (\w+) en"}


def number_asked(page: Page, language: str = "en") -> str:
    """The number that a check asks for, as the language writes it."""
    point = "," if language == "es" else "."

    def read(number: str) -> float:
        return float(number.replace(point, "."))

    if page.locator("#lesson-copies").is_visible():
        said = page.locator("#lesson-copies .sentences").inner_text()
        (pair,) = re.findall(_PAIR[language], said)
        return str(round(100 * read(pair)))
    (leader,) = re.findall(_LEADER[language], page.locator("#lesson h2").inner_text())
    asked = page.locator("#lesson .main > .words").inner_text().split(". ")[0]
    found = re.findall(rf"(\S+) (\d{re.escape(point)}\d+)", asked)
    values = {name: read(value) for name, value in found}
    return f"{values[leader] / sum(values.values()):.3f}".replace(".", point)
