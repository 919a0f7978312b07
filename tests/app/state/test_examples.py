from pathlib import Path

import pytest

from analysis.common.errors import InputError
from analysis.models.manifest import load_collection, with_adapters
from analysis.models.own_collection import of_choice
from app.explore import controls
from app.state.examples import Example, load_examples
from app.views.examples_panel import examples_panel
from tests.tiny import tiny_collection

MORE = """
[[examples]]
label = "Counting"
adapters = ["math"]
query = "Count to five."
"""


def test_a_composite_example_is_asked_with_its_own_adapters_where_all_are_there() -> None:
    example = Example("Sums in Spanish", "¿Cuántas?", ("spanish", "math"))
    assert example.among(["math", "code", "spanish"]) == ["math", "spanish"]
    assert example.among(["math", "code"]) == ["math", "code"]
    assert Example("Code", "Write").among(["math", "code"]) == ["math", "code"]


def test_the_bundled_examples_are_asked_with_all_adapters() -> None:
    collection = load_collection()
    examples = load_examples(collection)
    assert len(examples) >= 3
    assert all(example.among(collection.names) == list(collection.names) for example in examples)
    assert {example.alone for example in examples} <= set(collection.names)


def test_an_example_brings_the_adapter_that_answers_alone_unless_none_does() -> None:
    example = Example("Medicine in Russian", "Какие?", ("russian", "medical"), "medical")
    assert controls.alone_for(example, ["adapter:math"], ["math", "medical"]) == ["adapter:medical"]
    assert controls.alone_for(example, ["adapter:math"], ["math", "code"]) == ["adapter:math"]
    assert controls.alone_for(example, [], ["math", "medical"]) == []


def test_an_example_is_added_in_its_collections_folder(tmp_path: Path) -> None:
    manifest = tiny_collection(tmp_path / "tiny")
    before = load_examples(load_collection(manifest))
    with (manifest.parent / "examples.toml").open("a", encoding="utf-8") as file:
        file.write(MORE)
    examples = load_examples(load_collection(manifest))
    assert examples == (*before, Example("Counting", "Count to five.", ("math",)))
    assert examples_panel(examples, {"math": "Mathematics"}).buttons[-1].label == "Counting"


def test_examples_of_an_adapter_that_was_removed_are_left_out(tmp_path: Path) -> None:
    collection = load_collection(tiny_collection(tmp_path / "tiny"))
    assert [one.label for one in load_examples(collection)] == ["Sums in Spanish", "Greeting"]
    fewer = with_adapters(collection, ["math", "code"])
    assert [one.label for one in load_examples(of_choice(fewer))] == ["Greeting"]
    with pytest.raises(InputError, match="names the adapter 'spanish'"):
        load_examples(fewer)  # a mistake of the manifest


def test_an_answer_is_marked_by_its_number_and_its_language() -> None:
    example = next(one for one in load_examples(load_collection()) if one.language == "es")
    right = example.verdict("El granjero vende 4 de sus 9 vacas, así que le quedan 5 vacas.")
    assert right is not None and right.right and right.text == "right"
    wrong = example.verdict("El granjero vende 4 de sus 9 vacas, así que le quedan 13 vacas.")
    assert wrong is not None and not wrong.right and wrong.text == "wrong number"
    english = example.verdict("He has 9 cows and sells 4 of them, so the answer is 5 cows.")
    assert english is not None and english.text == "not in Spanish"
    assert Example("Greeting", "Say hello").verdict("Hello") is None


def test_every_bundled_example_has_other_words_that_keep_its_last_token() -> None:
    for example in load_examples(load_collection()):
        assert len(example.variants) >= 2
        assert all(variant[-1] == example.query[-1] for variant in example.variants)
        assert example.gloss or example.query.isascii()
