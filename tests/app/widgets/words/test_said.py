"""Texts that know how they are made."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass

from app.widgets import text
from app.widgets.panels import encode
from app.widgets.words.said import Said, joined, say


@dataclass(frozen=True)
class _Panel:
    title: str
    rows: tuple[object, ...]


def test_a_text_is_its_english_and_goes_to_the_browser_as_it_is_made() -> None:
    said = say("{adapter} leads in {layers}", adapter="{layers}", layers=text.layers([1, 2, 5]))
    assert said == "{layers} leads in layers 1–2 and 5"
    panel = _Panel(said, ((1, 2.5), {"plain": "words"}))
    assert json.loads(encode(panel)) == {
        "title": {
            "say": "{adapter} leads in {layers}",
            "facts": {
                "adapter": "{layers}",
                "layers": {
                    "say": "layers {numbers}",
                    "facts": {
                        "numbers": {"say": "{first} and {last}",
                                    "facts": {"first": "1–2", "last": "5"}}
                    },
                },
            },
        },
        "rows": [[1, 2.5], {"plain": "words"}],
    }  # fmt: skip


def test_joined_texts_are_said_part_by_part() -> None:
    said = "Now: " + (joined(" ", [say("One."), "two", say("Three.")]) + "!")
    assert said == "Now: One. two Three.!"
    assert json.loads(encode(said)) == {
        "said": ["Now: ", {"said": [{"said": [{"say": "One."}, " ", "two", " ", {"say": "Three."}]},
                                    "!"]}]
    }  # fmt: skip
    assert type(joined(" ", ["no", "words"])) is str, "nothing in it has a translation"
    assert say("") == "" and not isinstance(say(""), Said)


def test_copies_and_escaped_texts_are_said_too() -> None:
    said = copy.deepcopy(say("for {query}", query="<b>"))
    assert isinstance(said, Said) and said.facts == {"query": "<b>"}
    safe = text.safe(said)
    assert safe == "for &lt;b&gt;" and isinstance(safe, Said) and safe.pattern == said.pattern


def test_numbers_keep_their_kind_in_texts_and_go_to_the_browser_as_numbers() -> None:
    said = say("weight {weight}", weight=text.fixed(-0.25))
    assert said == "weight −0.25"
    assert json.loads(encode(said)) == {
        "say": "weight {weight}", "facts": {"weight": {"numeral": "−0.25"}}
    }  # fmt: skip
    assert json.loads(encode(text.number(0.5) + " nats")) == {
        "said": [{"numeral": "0.500"}, " nats"]
    }
    escaped = text.safe("< " + text.percent(0.001, 1))
    assert escaped == "&lt; 0.1%"
    assert json.loads(encode(copy.deepcopy(escaped))) == {"said": ["&lt; ", {"numeral": "0.1%"}]}
