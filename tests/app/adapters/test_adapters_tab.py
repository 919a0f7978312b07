"""The Adapters tab: what each adapter is, and adding and removing them where that is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.models.collection import Collection
from analysis.models.manifest import load_collection
from app.adapters.adapters_panel import beside
from app.adapters.adapters_service import AdaptersService
from app.server.loader import Loader
from app.server.pages import Pages
from app.widgets.panels import encode
from tests import tiny
from tests.analysis.models.spoiled import configured


class Opened(Pages):
    """Pages that only note what they are asked to open."""

    def __init__(self, may_add: bool = True) -> None:
        super().__init__(lambda collection, progress: pytest.fail("not loaded"), may_add=may_add)
        self.opened: list[Collection] = []

    @property
    def can_open(self) -> bool:
        return True

    def open(self, collection: Collection) -> str:
        self.opened.append(collection)
        return f"/collections/{len(self.opened)}/"


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    folder = tmp_path_factory.mktemp("adapters")
    hostile = {"code": "<b>Code</b>"}
    options = {"math": {}, "code": {"rank": 2, "layers": [1], "strength": 0.01}}
    return load_collection(tiny.tiny_collection(folder, options, hostile))


@pytest.fixture(scope="module")
def loader(collection: Collection) -> Loader:
    found = Loader(lambda progress: Engine.load(collection, progress))
    found.start()
    assert found.wait(120) is not None
    return found


@pytest.fixture
def make(collection: Collection, loader: Loader) -> Callable[..., tuple[AdaptersService, Opened]]:
    def made(may_add: bool = True) -> tuple[AdaptersService, Opened]:
        pages = Opened(may_add)
        return AdaptersService(collection, loader, pages), pages

    return made


def test_each_adapter_has_a_card(make: Any) -> None:
    service, _ = make()
    assert "once the model is loaded" in service.panel().sentence and service.waits
    service.inspect_all()
    panel = service.panel()
    assert not service.waits and panel.sentence.startswith("2 adapters for")
    math, code = panel.cards
    facts = dict(code.facts)
    assert facts["Kind"] == "LoRA, rank 2, alpha 8, scaling 4"
    assert "Math would outweigh it" in facts["Strength ‖ΔW‖"]
    assert "outweigh <b>Code</b>" in dict(math.facts)["Strength ‖ΔW‖"]
    assert "It changes 7 of 21 linear maps in 3 layers" in code.caption
    linear, shares = code.picture[0]
    assert linear == "self_attn.q_proj" and shares[0] is None and shares[1] is not None
    assert max(one for _, row in math.picture for one in row if one) == 1
    assert math.removable and (math.colour, code.colour) == (0, 1)
    assert "<b>" not in encode(panel)  # no markup, whatever a label says


def test_a_comparison_names_the_extremes() -> None:
    assert beside(4.0, [("A", 1.0), ("B", 2.0), ("C", 8.0), ("zero", 0.0)]) == (
        "At equal weights it would outweigh A 4 to 1. At equal weights C would outweigh it 2 to 1."
    )
    assert beside(4.0, [("A", 4.1)]) == "The other adapters are about as strong."
    assert beside(4.0, []) == beside(0.0, [("A", 1.0)]) == ""


def test_an_adapter_is_looked_into_and_added(make: Any, tmp_path: Path) -> None:
    service, pages = make()
    folder = tiny.write_adapter(tmp_path / "mine", tiny.model("gemma3"), rank=3, seed=9)
    found = service.inspect(str(folder), "sums")
    assert found.inspected is not None and found.inspected.name == "sums" and not found.failed
    assert pages.opened == []
    added = service.add(f" {folder} ", "sums")
    (opened,) = pages.opened
    assert opened.names == ("math", "code", "sums") and added.open == "/collections/1/"
    assert opened.title.endswith(" — math, code, sums")
    assert re.fullmatch(r"tiny\.own-[0-9a-f]{8}", opened.name)
    configured(peft_type="IA3")(folder)
    refused = service.add(str(folder), "")
    assert refused.failed and "IA3" in refused.inspected.refused and len(pages.opened) == 1


def test_an_adapter_is_removed_but_not_the_last(make: Any, collection: Collection) -> None:
    service, pages = make()
    assert service.remove("math").open
    assert pages.opened[0].names == ("code",)
    with pytest.raises(InputError, match="unknown cannot be removed"):
        service.remove("unknown")


def test_what_is_not_allowed_is_refused_with_the_way_to_do_it(make: Any, tmp_path: Path) -> None:
    service, pages = make(may_add=False)
    service.inspect_all()
    assert not any(card.removable for card in service.panel().cards)
    for act in (lambda: service.add("x", ""), lambda: service.inspect("x", ""),
                lambda: service.remove("math")):  # fmt: skip
        with pytest.raises(InputError, match=r"python app\.py --adapter"):
            act()
    assert pages.opened == []
    allowed, _ = make()
    with pytest.raises(InputError, match="Give a folder"):
        allowed.inspect("  ", "")
    with pytest.raises(InputError, match="There is no adapter"):
        allowed.inspect(str(tmp_path / "nowhere"), "")
