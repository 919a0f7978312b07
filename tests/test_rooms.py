"""The science knows nothing of the page: no gradio, plotly or app is reachable from analysis."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import analysis

ROOT = Path(analysis.__file__).parent
FORBIDDEN = {"gradio", "gradio_client", "plotly", "app"}


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file it does, by any usual means."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they lead"
            yield node.module or ""
        elif isinstance(node, ast.Call):
            called, first = ast.unparse(node.func), next(iter(node.args), None)
            if called.endswith(("import_module", "__import__")) and isinstance(first, ast.Constant):
                yield str(first.value)


def test_no_file_of_analysis_imports_the_page() -> None:
    files = sorted(ROOT.rglob("*.py"))
    assert len(files) > 20
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(path)
        if name.split(".")[0] in FORBIDDEN
    ]
    assert wrong == []


def test_the_walk_sees_imports_inside_functions(tmp_path: Path) -> None:
    path = tmp_path / "sly.py"
    path.write_text(
        "def f():\n    import plotly.express\n    from gradio import Blocks\n"
        "    importlib.import_module('app.shell')\n"
    )
    assert {name.split(".")[0] for name in imported(path)} == FORBIDDEN - {"gradio_client"}


EVERYTHING = f"""
import importlib, importlib.abc, pkgutil, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {sorted(FORBIDDEN)!r}:
            raise ImportError(f"{{name}} is reachable")

sys.meta_path.insert(0, Refuse())
import analysis
for name in analysis.__all__:
    getattr(analysis, name)
count = 0
for module in pkgutil.walk_packages(analysis.__path__, "analysis."):
    importlib.import_module(module.name)
    count += 1
from analysis.methods import methods
assert methods()
print(count)
"""


def test_all_of_analysis_imports_where_the_page_cannot_be() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EVERYTHING],
        cwd=ROOT.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


def test_help_needs_no_torch() -> None:
    code = (
        "import sys\nfrom analysis.__main__ import main\n"
        "try: main(['--help'])\nexcept SystemExit as end: assert end.code == 0\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in ("prepare", "trace", "answer"):
        assert command in done.stdout
