"""The rooms: imports go one way, and a new part is a new file.

Ranks are listed low to high: a module may import from its own room and from lower ranks, also
inside functions.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ANALYSIS = (
    "common", "models", "inference", "measure", "answerer", "engine", "learning", "methods",
    "catalogue", "benchmark", "training", "fitting", "speed", "export", "commands",
)  # fmt: skip
APP = ("widgets", "state", "server", "views", "export", "services", "api", "tabs", "page")
# These stand beside the ranks: the package's own face, which imports on demand, and the starters.
FACES = {"analysis/__init__.py", "analysis/__main__.py", "app/__init__.py"}
# Files that belong to a rank of another name.
ROOM_OF_FILE = {"first_paint": "page", "options": "page"}
PAGE_LIBRARIES = {"gradio", "gradio_client", "plotly"}
# Rooms of the page that draw nothing: values, and functions from values to plain data.
PURE = ("state", "views", "export")
MOST_MODULES = 12
# The only files that may import modules by names that they make, or by names of other packages.
BY_NAME = {
    "analysis/catalogue/groups.py",
    "analysis/common/discovery.py",
    "analysis/models/bases/silence.py",
    "app/page.py",
}


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file it does, by any usual means."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they lead"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            called, first = ast.unparse(node.func), next(iter(node.args), None)
            if called.endswith(("import_module", "__import__")) and isinstance(first, ast.Constant):
                yield str(first.value)


def files(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert len(found) > 20
    return [path for path in found if str(path.relative_to(ROOT)) not in FACES]


def room(name: str) -> str:
    """The room of a dotted name such as `app.state.run`; "" for the package alone."""
    package, _, inside = name.partition(".")
    first = inside.partition(".")[0]
    # All tabs share one rank: a new tab is a new folder, and no list names it.
    if package == "app" and (ROOT / "app" / first / "tab.py").is_file():
        return "tabs"
    return ROOM_OF_FILE.get(first, first)


@pytest.mark.parametrize(("package", "ranks"), [("analysis", ANALYSIS), ("app", APP)])
def test_imports_go_down_the_ranks(package: str, ranks: tuple[str, ...]) -> None:
    upwards = []
    for path in files(package):
        own = path.relative_to(ROOT).with_suffix("")
        here = room(".".join(own.parts))
        assert here in ranks, f"{own} is in no room of {ranks}"
        for name in imported(path):
            if name.split(".")[0] != package:
                continue
            # The package alone: the face of all its rooms, and where the page looks for tabs.
            if name == package and here == ranks[-1]:
                continue
            there = room(name)
            # The face of `analysis` hands on names of any rank: nothing inside may use it.
            other_tab = here == there == "tabs" and name.split(".")[1] != own.parts[1]
            if other_tab or there not in ranks or ranks.index(there) > ranks.index(here):
                upwards.append(f"{own} ({here}) imports {name} ({there})")
    assert upwards == []


def test_the_science_knows_nothing_of_the_page() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / "analysis").rglob("*.py"))
        for name in imported(path)
        if name.split(".")[0] in {*PAGE_LIBRARIES, "app"}
    ]
    assert wrong == []


def test_modules_are_imported_by_name_only_where_parts_are_discovered() -> None:
    ways = re.compile(r"import_module|__import__|import runpy|resolve_name|spec_from_|find_loader")
    found = {
        str(path.relative_to(ROOT))
        for package in ("analysis", "app")
        for path in files(package)
        if ways.search(path.read_text(encoding="utf-8"))
    }
    assert found == BY_NAME


REFUSING = """
import importlib, importlib.abc, pkgutil, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {refused!r}:
            raise ImportError(f"{{name}} is reachable")

sys.meta_path.insert(0, Refuse())

def import_all(package):
    names = [one.name for one in pkgutil.walk_packages(package.__path__, f"{{package.__name__}}.")]
    for name in names:
        importlib.import_module(name)
    return len(names)
"""


def imported_without(refused: set[str], code: str) -> int:
    """Runs code where some packages cannot be imported; gives the number that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", REFUSING.format(refused=sorted(refused)) + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_pure_rooms_of_the_page_import_where_gradio_cannot_be() -> None:
    rooms = ", ".join(f"app.{pure}" for pure in PURE)
    code = f"import {rooms}\nprint(sum(map(import_all, [{rooms}])))"
    assert imported_without(PAGE_LIBRARIES, code) > 30


@pytest.mark.parametrize("package", ["analysis", "app"])
def test_no_folder_is_crowded(package: str) -> None:
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    crowded = {
        str(folder.relative_to(ROOT)): count
        for folder in folders
        if (count := len(list(folder.glob("*.py"))) - 1) > MOST_MODULES
    }
    assert crowded == {}


def test_the_walk_sees_imports_inside_functions_and_for_types(tmp_path: Path) -> None:
    path = tmp_path / "sly.py"
    path.write_text(
        "def f():\n    import plotly.express\n    from gradio import Blocks\n"
        "    importlib.import_module('app.page')\n    from app import first_paint\n"
        "if TYPE_CHECKING:\n    from app.learn.tab import TAB\n"
    )
    assert set(imported(path)) == {
        "plotly.express", "gradio.Blocks", "app.page", "app.first_paint", "app.learn.tab.TAB"
    }  # fmt: skip


def test_the_document_lists_the_rooms_in_their_order() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed: dict[str, list[str]] = {}
    package = ""
    for line in text[text.index("## The rooms") :].splitlines():
        if heading := re.match(r"\| `(analysis|app)/`", line):
            package = heading[1]
        elif line.startswith("| `"):
            names = re.findall(r"`(\w+)(?:/|\.py)`", line.split("|")[1])
            listed.setdefault(package, []).extend(room(f"{package}.{name}") for name in names)
    assert {package: tuple(dict.fromkeys(rooms)) for package, rooms in listed.items()} == {
        "analysis": ANALYSIS, "app": APP
    }  # fmt: skip


def test_all_of_analysis_imports_where_the_page_cannot_be() -> None:
    code = (
        "import analysis\n"
        "for name in analysis.__all__: getattr(analysis, name)\n"
        "from analysis.methods import methods\n"
        "assert methods()\n"
        "print(import_all(analysis))"
    )
    assert imported_without({*PAGE_LIBRARIES, "app"}, code) > 30


def test_help_needs_no_torch() -> None:
    code = (
        "import runpy, sys\nsys.argv = ['analysis', '--help']\n"
        "try: runpy.run_module('analysis', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in ("prepare", "trace", "answer"):
        assert command in done.stdout
