"""Pairs and entries: which adapters belong to an item, and which methods a task is asked with."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.benchmark.adapter_pairs import pair_of
from analysis.benchmark.entries import (
    Selection,
    check_entries,
    entries_of,
    fused_adapters,
    selection,
)
from analysis.benchmark.tasks import Item, Task
from analysis.common.errors import InputError
from analysis.models.collection import AdapterEntry, Base, Collection
from analysis.models.manifest import load_collection


def adapter(name: str, kind: str, tag: str) -> AdapterEntry:
    return AdapterEntry(name, name, kind, Path(name), tag=tag)  # type: ignore[arg-type]


COLLECTION = Collection(
    "c",
    "C",
    Base("folder", "base"),
    (
        adapter("sums", "task", "math"),
        adapter("castellano", "language", "es"),
        adapter("law", "task", "law"),
        adapter("two", "language", "de"),
        adapter("three", "language", "de"),
    ),
    None,
)


def item(lang: str = "es", domain: str = "math", name: str = "1") -> Item:
    return Item(name, lang, domain, "numeric", "?", name, 2.0)


def task(*items: Item) -> Task:
    return Task("task", "", items or (item(),))


def test_tags_say_which_adapters_belong_to_an_item() -> None:
    assert pair_of(item(), COLLECTION.adapters) == ("sums", "castellano")
    assert pair_of(item(domain="law"), COLLECTION.adapters) == ("castellano", "law")
    # A region counts where an adapter has it, and hides no language where none has.
    assert pair_of(item("es-MX"), COLLECTION.adapters) == ("sums", "castellano")
    mexican = (*COLLECTION.adapters, adapter("mexicano", "language", "es-MX"))
    assert pair_of(item("es-MX"), mexican) == ("sums", "mexicano")


@pytest.mark.parametrize("lang", ["es", "ru", "zh"])
@pytest.mark.parametrize("domain", ["math", "code", "medical"])
def test_the_bundled_collection_has_a_pair_for_each_of_its_tasks(lang: str, domain: str) -> None:
    found = pair_of(item(lang, domain), load_collection().adapters)
    assert domain in found and len(found) == 2


@pytest.mark.parametrize(
    ("lang", "domain", "reason"),
    [
        ("fr", "math", "no language adapter with tag 'fr' (it has de, de, es)"),
        ("es", "art", "no task adapter with tag 'art' (it has law, math)"),
        ("de", "math", "2 language adapters with tag 'de' (two, three)"),
    ],
)
def test_a_missing_pair_is_told_before_a_model_runs(lang: str, domain: str, reason: str) -> None:
    for names, chosen in (
        (["base"], Selection("pair")),
        (["oracle-pair"], Selection("all", COLLECTION.names)),
    ):
        with pytest.raises(InputError) as caught:
            check_entries([task(item(), item(lang, domain, "x"))], names, chosen, COLLECTION)
        assert reason in str(caught.value) and "--all" in str(caught.value)
    check_entries([task(item(lang, domain))], ["base"], Selection("all"), COLLECTION)


def test_every_adapter_alone_is_an_entry_of_its_own() -> None:
    everything = selection(COLLECTION, False, None)
    names = ["base", "adapter:*", "adapter:law", "oracle-pair"]
    found = entries_of(task(), names, everything, COLLECTION)
    assert [entry.name for entry in found] == [
        "base", "adapter:sums", "adapter:castellano", "adapter:two", "adapter:three",
        "adapter:law", "oracle-pair",
    ]  # fmt: skip
    assert [entry.kind for entry in found][-1] == "oracle"
    of_pair = entries_of(task(), names[:2], Selection("pair"), COLLECTION)
    assert [entry.name for entry in of_pair] == ["base", "adapter:sums", "adapter:castellano"]


def test_adapters_follow_the_selection_and_an_oracle_the_item() -> None:
    static, oracle = entries_of(
        task(), ["static", "oracle-pair"], selection(COLLECTION, False, ["law", "two"]), COLLECTION
    )
    chosen = selection(COLLECTION, False, ["law", "two"])
    assert chosen == Selection("chosen", ("law", "two"))
    assert fused_adapters(static, item(), chosen, COLLECTION) == ("law", "two")
    assert fused_adapters(oracle, item(), chosen, COLLECTION) == ("sums", "castellano")
    pair = selection(COLLECTION, True, None)
    assert fused_adapters(static, item(), pair, COLLECTION) == ("sums", "castellano")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["magic"], "no method 'magic'"),
        (["adapter:nobody"], "none of the adapters"),
        (["base", "base"], "named twice"),
        (["copy"], "scored in every benchmark"),
        ([], "No method"),
    ],
)
def test_methods_that_are_not_there_are_refused(names: list[str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        check_entries([task()], names, selection(COLLECTION, False, None), COLLECTION)
