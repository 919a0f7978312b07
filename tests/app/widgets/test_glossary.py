"""The glossary: each term has a text, and a mistake is named with its line."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest

from analysis.common.errors import InputError
from analysis.models.manifest import load_collection
from app.explore import control_column
from app.explore.controls import Controls
from app.widgets.glossary import load_glossary, tips
from app.widgets.labels import labels_of
from tests.tiny import tiny_collection

# What is no term: headings of what is asked for.
_PLAIN = {"show", "mean of these two"}


def test_every_label_of_a_control_explains_itself(tmp_path: Path) -> None:
    collection, controls = load_collection(tiny_collection(tmp_path)), Controls()
    with gr.Blocks(analytics_enabled=False):
        control_column.build(controls, collection, labels_of(collection), stored=False)
    said = tips(load_glossary())["labels"]
    labels = set()
    for control in controls.by_name.values():
        labels.add(str(control.component.label))
        if isinstance(control.component, gr.Radio):
            labels |= {label for label, _ in control.component.choices}
    words = {label.removesuffix(" · paper").lower() for label in labels}
    assert words - _PLAIN <= set(said), words - _PLAIN - set(said)


def test_common_words_are_terms_on_labels_alone() -> None:
    glossary = load_glossary()
    assert {"layer", "adapter", "lens", "weight", "saturated", "quiet"} <= set(glossary)
    assert all(term.text.endswith(".") for term in glossary.values())
    said = tips(glossary)
    assert {"sum", "answers", "quiet", "raw"} <= set(said["labels"]) - set(said["sentences"])
    assert said["sentences"]["layers"] == said["labels"]["layers"] == glossary["layer"].text


@pytest.mark.parametrize(
    ("written", "line", "said"),
    [
        ("[lens]\ntext = 'A map.'\nmore = 1\n", 3, "'more' is unknown"),
        ("[lens]\ntext = 'A map.'\n\n[row]\n", 4, "it has no text"),
        ("[lens]\ntext = ''\n", 2, "one sentence or two"),
        ("[lens]\ntext = 'A map.'\n[map]\ntext = 'A map.'\nalso = ['Lens']\n", 5, "spelling"),
        ("[lens]\ntext = 'A map.'\nonly_labels = 1\n", 3, "true or false"),
        ("[lens]\ntext = 'A map.'\nalso = 'map'\n", 3, "a list of texts"),
        (f"[lens]\ntext = '{'a' * 300}'\n", 2, "300 characters"),
        ("lens = 'A map.'\n", 1, "write [term] above"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, written: str, line: int, said: str
) -> None:
    path = tmp_path / "glossary.toml"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_glossary(path)
    assert str(error.value).startswith(f"{path}, line {line}: ") and said in str(error.value)
    path.write_text("[lens\n", encoding="utf-8")
    with pytest.raises(InputError, match="at line 1"):
        load_glossary(path)
