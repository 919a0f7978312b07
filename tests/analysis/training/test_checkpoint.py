"""A checkpoint is resumed by the run that it is of, and by no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.common.errors import InputError
from analysis.training import loop
from analysis.training.adapter import adapter_tensors, add_adapter
from analysis.training.checkpoint import STATE
from analysis.training.quiet import foreign_rows
from analysis.training.recipe import Quiet
from tests.analysis.training.test_loop import RECIPE, examples, tiny_model


def start(seed: int) -> dict[str, Any]:
    """The tensors of some adapter to go on from."""
    return adapter_tensors(add_adapter(tiny_model(), replace(RECIPE, seed=seed)))


def run(work: Path, **changed: Any) -> list[str]:
    """A whole run with some of its parts changed; the lines that it said."""
    rows = foreign_rows(Quiet(), examples(9), {"own": examples(3)}, 40, seed=0)
    given = {"base": tiny_model(), "examples": examples(), "start": start(1), "foreign": rows}
    given |= changed
    base, rows_of_run = given.pop("base"), given.pop("examples")
    lines: list[str] = []
    loop.train(base, RECIPE, rows_of_run, {}, work, lines.append, **given)
    return lines


def other_base() -> Any:
    """A base of the same shape, one of whose numbers is another."""
    model = tiny_model()
    model.model.norm.weight.data[3] += 0.5
    return model


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has ended."""
    folder = tmp_path_factory.mktemp("work")
    run(folder)
    return folder


def test_the_same_run_is_resumed(work: Path) -> None:
    assert run(work)[0].startswith("resumed at step ")


@pytest.mark.parametrize(
    ("part", "make"),
    [
        ("start adapter", lambda: {"start": start(2)}),
        ("start adapter", lambda: {"start": None}),
        ("base", lambda: {"base": other_base()}),
        ("base, dtype", lambda: {"base": tiny_model().to(torch.bfloat16)}),
        ("rows", lambda: {"examples": examples()[::-1]}),
        ("foreign rows", lambda: {"foreign": None}),
        (
            "foreign rows",
            lambda: {
                "foreign": foreign_rows(Quiet(), examples(8), {"own": examples(3)}, 40, seed=0)
            },
        ),
    ],
)
def test_a_run_of_other_parts_does_not_go_on_from_it(
    work: Path, part: str, make: Callable[[], dict[str, Any]]
) -> None:
    with pytest.raises(InputError, match=f"is of another run: its {part} differ"):
        run(work, **make())


def test_a_checkpoint_that_does_not_say_its_origin_is_refused(tmp_path: Path) -> None:
    torch.save({"recipe": repr(RECIPE), "steps": 9, "step": 3}, tmp_path / STATE)
    with pytest.raises(InputError, match=r"another run: its recipe, base, .*--work"):
        run(tmp_path)


@pytest.mark.parametrize("left", [0, 100, 0.5])
def test_a_checkpoint_that_is_cut_off_is_named(work: Path, tmp_path: Path, left: float) -> None:
    content = (work / STATE).read_bytes()
    cut = content[: int(left * len(content)) if left < 1 else int(left)]
    (tmp_path / STATE).write_bytes(cut)
    with pytest.raises(InputError, match=r"is damaged .*delete it"):
        run(tmp_path)
