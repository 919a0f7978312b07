"""Where the parts of a page stand: what lies over another, and the marks of folds."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

_OVERLAPS = """() => {
    const parts = [
        "[role=tab]", "#masthead h1", "#masthead .model", "#masthead .language", "#masthead button",
        "#query", "#ask", "#stop", ".under-query > *", "#status .text", "#answers", ".fl-fold",
        ".controls > :not(.hide)", "#grid", ".grid-actions", "#profile", "#tokens", ".robustness",
        "#explanation", "#export",
    ];
    // What of an element is in sight: a column that scrolls hides the rest.
    const seen = one => {
        let { left, top, right, bottom } = one.getBoundingClientRect();
        for (let around = one.parentElement; around; around = around.parentElement) {
            if (!/auto|scroll|hidden/.test(getComputedStyle(around).overflowY)) continue;
            const box = around.getBoundingClientRect();
            [left, top] = [Math.max(left, box.left), Math.max(top, box.top)];
            [right, bottom] = [Math.min(right, box.right), Math.min(bottom, box.bottom)];
        }
        return { left, top, right, bottom };
    };
    const boxes = [...document.querySelectorAll(parts.join())]
        .filter(one => one.checkVisibility())
        .map(one => [one, seen(one)])
        .filter(([, box]) => box.right > box.left && box.bottom > box.top);
    const name = one => one.id || one.textContent.trim().slice(0, 24) || one.className;
    const across = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    return boxes.flatMap(([one, box], at) => boxes.slice(at + 1)
        .filter(([other]) => !one.contains(other) && !other.contains(one))
        .filter(([, its]) => across(box, its) > 1 && down(box, its) > 1)
        .map(([other]) => `${name(one)} / ${name(other)}`));
}"""

_TRIANGLES = """() => [...document.querySelectorAll(".label-wrap")]
    .filter(one => one.checkVisibility())
    .map(fold => {
        const icon = fold.querySelector(".icon");
        const words = fold.querySelector("span:not(.icon)");
        const mark = icon.getBoundingClientRect(), text = words.getBoundingClientRect();
        const turned = new DOMMatrix(getComputedStyle(icon).transform);
        const beside = mark.top >= text.top - 2 && mark.bottom <= text.bottom + 2;
        return {
            words: words.textContent.trim(),
            before: mark.right <= text.left + 1 && beside,
            turn: Math.round(Math.atan2(turned.b, turned.a) * 180 / Math.PI),
            open: fold.classList.contains("open"),
        };
    })"""


def overlaps(page: Page) -> list[str]:
    """Pairs of parts of the bar and of Explore that lie over one another, by their names."""
    found: list[str] = page.evaluate(_OVERLAPS)
    return found


def triangles(page: Page) -> list[dict[str, Any]]:
    """Each fold in sight: its words, if its mark stands before them, its turn, if it is open."""
    found: list[dict[str, Any]] = page.evaluate(_TRIANGLES)
    return found
