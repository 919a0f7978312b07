"""The server's start: the page must not wait for what only the model needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "peft", "safetensors", "tokenizers")
BUILT = f"""
import json, runpy, sys
names = runpy.run_path("app.py", run_name="imported")
stored = any("stored example" in str(block.value) for block in names["demo"].blocks.values()
             if hasattr(block, "value"))
print(json.dumps([stored, [name for name in {HEAVY!r} if name in sys.modules]]))
"""


def test_page_is_built_with_its_example_and_without_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUILT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    stored, imported = json.loads(done.stdout)
    assert stored, "the bundled collection's stored example is not on the page"
    assert imported == []


def test_a_collection_that_cannot_be_used_is_named_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=os.environ | {"FUSION_LENS_COLLECTION": "no-such-collection"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and "no-such-collection" in line
