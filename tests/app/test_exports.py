import ast
import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analysis.collection import AdapterEntry, Base, Collection
from app import exports
from app.look import Look
from app.picture import Picture

HOSTILE = '=1+1<script>alert(1)</script>"${7*7}{{value}}\u202e'
COLLECTION = Collection(
    "tiny",
    HOSTILE,
    Base("folder", "base"),
    tuple(AdapterEntry(name, HOSTILE, "task", Path()) for name in ("a", "b")),
    None,
)
PICTURE = Picture(
    "1",
    HOSTILE,
    ("a", "b"),
    (HOSTILE, "B"),
    ((1.0, 3.0), (0.0, 2.0)),
    ((0.25, 0.75), (0.0, 1.0)),
    (0.5, 0.6),
    Look(),
)


def _take(kind: str) -> str:
    return exports.take(kind, COLLECTION, PICTURE, None)["text"]


def test_json_says_what_ran_and_how() -> None:
    content = json.loads(_take("json"))
    assert content["query"] == HOSTILE and content["weights"][0] == [0.25, 0.75]
    assert content["shape"] == {"layers": 2, "adapters": 2}
    assert content["settings"]["lens"] == "norm" and content["versions"]["torch"]


def test_csv_has_a_row_for_each_cell_and_no_formula() -> None:
    rows = list(csv.reader(io.StringIO(_take("csv"))))
    assert rows[1] == ["0", "a", "1.0", "0.25"] and len(rows) == 5
    assert not any(field.startswith("=") for row in rows for field in row)


def test_web_page_runs_nothing_and_asks_for_nothing() -> None:
    seen: set[str] = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            seen.add(tag)
            assert not {name for name, _ in attributes} & {"src", "href", "onerror"}

    page = _take("html")
    Tags().feed(page)
    assert not seen & {"script", "img"}
    assert "&lt;script&gt;" in page and "\u202e" not in page


def test_snippet_is_python_that_names_the_same_query() -> None:
    tree = ast.parse(_take("py"))
    assert HOSTILE in [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]


@pytest.mark.parametrize("kind", exports.KINDS)
def test_files_have_plain_names(kind: str) -> None:
    assert exports.take(kind, COLLECTION, PICTURE, None)["name"] == f"fusion-lens.{kind}"
