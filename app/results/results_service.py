"""The results service: the panels of the Results tab for the choices of a visitor."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.models.collection import Collection
from app.results import result_file
from app.results.item_choice import ItemChoice
from app.results.names import Names
from app.results.result_file import ResultFile
from app.results.views import differences_panel, method_scores
from app.results.views.findings_panel import FindingsPanel, findings_panel
from app.results.views.goals_table import goals_table
from app.results.views.items_panel import ItemsPanel, items_panel
from app.results.views.profiles_panel import profiled_methods, profiles_panel
from app.results.views.routing_table import routing_table
from app.results.views.score_table import ScoreTable
from app.state.link_fields import LinkFields
from app.views.charts_panel import ChartsPanel
from app.widgets.words.said import capital, say

if TYPE_CHECKING:
    from analysis.benchmark.results import BenchmarkResult
    from analysis.benchmark.tasks import Item

_OTHER = say("of other adapters")
_PART = say("of a part of the items")


class ResultsService:
    """Gives the contents of the panels; every visitor sees the same results.

    Args:
        collection: The collection of the page.
        link_fields: The values that a permalink can hold.
    """

    def __init__(self, collection: Collection, link_fields: LinkFields) -> None:
        self._collection = collection
        self._link_fields = link_fields
        self._file: ResultFile | None = None
        self._lock = threading.Lock()  # so that two visitors do not read the file at once
        self.names = Names.of(collection)

    @property
    def file(self) -> ResultFile:
        """The result file; read once, and again while there is nothing to show."""
        with self._lock:
            if self._file is None or self._file.results is None:
                self._file = result_file.read(self._collection)
            return self._file

    @property
    def runs(self) -> tuple[BenchmarkResult, ...]:
        """The benchmarks to choose from: those of the file, then those of its parts."""
        return tuple(run for _, run in self._placed)

    @property
    def _placed(self) -> tuple[tuple[ResultFile, BenchmarkResult], ...]:
        """Each benchmark with the file that holds it; empty where there is no result."""
        file = self.file
        files = (file, *file.parts) if file.runs else ()
        return tuple((one, run) for one in files for run in one.runs)

    def findings(self) -> FindingsPanel:
        """The head of the tab."""
        return findings_panel(self.file, self._collection, self.names)

    def goals(self) -> ScoreTable:
        """The goals over all benchmarks of the file, without its parts."""
        return goals_table(self.file.runs, self.names, _tag(self.file))

    def tables(self, place: int) -> Mapping[str, ScoreTable | ChartsPanel]:
        """Scores, differences and routing.

        Args:
            place: The benchmark's place among those to choose from.
        """
        file, run = self._placed[place]
        names, tag = self.names, _tag(file) or ("" if file is self.file else _PART)
        return {
            "scores": method_scores.shares(run, names, tag),
            "losses": method_scores.losses(run, names, tag),
            "differences": differences_panel.shares(run, names, place),
            "loss_differences": differences_panel.losses(run, names, place),
            "routing": routing_table(self.file.runs, self._collection, names, _tag(self.file)),
        }

    def profiles(self, place: int, method: str | None) -> tuple[str | None, ChartsPanel]:
        """The method whose layer profiles are shown, and the profiles.

        Args:
            place: The benchmark's place among those to choose from.
            method: The method that a visitor chose; another one where it has no profile.
        """
        known = profiled_methods(self.runs[place])
        if not known:
            return None, ChartsPanel.empty()
        shown = method if method in known else known[0]
        return shown, profiles_panel(self.runs[place], shown, self.names, place)

    def items(
        self, place: int, given: Mapping[str, str | None], shown: int
    ) -> tuple[ItemChoice, ItemsPanel]:
        """The choice of items and their list.

        Args:
            place: The benchmark's place among those to choose from.
            given: The values of the filters by name.
            shown: The most items to list.
        """
        run = self.runs[place]
        choice = ItemChoice.of(run, given)

        def link_of(item: Item) -> str:
            return self.link(run, choice, item)

        return choice, items_panel(run, choice, shown, self.names, link_of)

    def link(self, run: BenchmarkResult, choice: ItemChoice, item: Item) -> str:
        """The part of an address after `?` that asks an item's question in Explore.

        The link asks it with the adapters and the methods of the benchmark as far as the page has
        them.
        """
        # Imported here, because the page starts without the benchmark's modules.
        from analysis.benchmark.adapter_pairs import find_pair
        from analysis.methods import methods

        values: dict[str, Any] = {"query": item.instruction}
        if run.settings.selection.mode == "pair":
            pair = find_pair(item, self._collection.adapters)
            adapters = [entry.name for entry in pair or ()]
        else:
            chosen = run.settings.selection.adapters
            adapters = [name for name in self._collection.names if name in chosen]
        if adapters:
            values["adapters"] = adapters
        asked = (choice.first, choice.second)
        values["methods"] = [
            name for name, method in methods().items() if name in asked and not method.of_adapter
        ]
        alone = [f"adapter:{name}" for name in self._collection.names]
        values["alone"] = [name for name in alone if name in asked]
        return self._link_fields.encode(values)


def _tag(file: ResultFile) -> str:
    return _OTHER if file.differing else ""


def run_choices(service: ResultsService) -> list[tuple[str, str]]:
    """Labels and places of the benchmarks; that of a part says how much it asked."""
    whole, names = len(service.file.runs), service.names
    labels = [
        names.selection(run) if place < whole else names.part(run)
        for place, run in enumerate(service.runs)
    ]
    return [(capital(label), str(place)) for place, label in enumerate(labels)]
