"""The settings of a benchmark: all that its numbers depend on, but for last digits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from analysis.benchmark.entries import Selection
from analysis.benchmark.statistics import RESAMPLES
from analysis.benchmark.tasks import ItemType, Task
from analysis.measure.weight_settings import WeightSettings
from analysis.models.collection import Collection
from analysis.models.provenance import Computation, Provenance, provenance

# The items of a batch: each is traced once for all entries.
BATCH_ROWS = 60
# The entries whose answers to a batch are decoded together: an interruption costs a step of them at
# most. A row that ends makes room for the next, and few rows at a time would cost as much as many.
STEP_ENTRIES = 12
# The rows that run at a time, where they fit into memory: products with more are no faster a row.
DECODED_ROWS = 120
NEW_TOKENS: Mapping[ItemType, int] = {"numeric": 64, "mcq": 48, "yesno": 48, "function": 128}


@dataclass(frozen=True)
class TaskFile:
    """A task file.

    Attributes:
        name: Name of the task.
        sha256: Digest of the file.
        items: Number of items that are asked.
    """

    name: str
    sha256: str
    items: int


@dataclass(frozen=True)
class Settings:
    """The settings of a benchmark.

    Attributes:
        tasks: The task files.
        methods: Names of the methods, as asked for.
        selection: The adapters that are fused.
        limit: The most items of each task; None for all.
        seed: Of the bootstrap.
        resamples: Number of bootstrap samples.
        weight_settings: How divergences are read and turned into weights.
        prompt_form: The collection's prompt form; None for the tokenizer's chat template.
        stop: Texts that end an answer.
        batch_rows: Items of a batch.
        new_tokens: The longest answer by type of item.
        provenance: Digests of base and adapters, versions, precision and device.
        shortlist: The most adapters that are fused, those that are expected to lead; None for all.
        step_entries: The entries whose answers to a batch are decoded together.
    """

    tasks: tuple[TaskFile, ...]
    methods: tuple[str, ...]
    selection: Selection
    limit: int | None
    seed: int
    resamples: int
    weight_settings: WeightSettings
    prompt_form: str | None
    stop: tuple[str, ...]
    batch_rows: int
    new_tokens: dict[str, int]
    provenance: Provenance
    shortlist: int | None = None
    step_entries: int = 1

    def plain(self) -> dict[str, Any]:
        """The settings as plain data, as JSON gives them back."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return content

    @property
    def digest(self) -> str:
        """The SHA-256 of the settings."""
        written = json.dumps(self.plain(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(written.encode()).hexdigest()


def settings_of(
    tasks: Sequence[Task],
    methods: Sequence[str],
    selection: Selection,
    collection: Collection,
    computation: Computation,
    *,
    limit: int | None,
    seed: int,
    weight_settings: WeightSettings,
    shortlist: int | None = None,
) -> Settings:
    """The settings of a benchmark of a collection; see `Settings`."""
    prompt = collection.prompt
    return Settings(
        tasks=tuple(TaskFile(task.name, task.sha256, len(task.items)) for task in tasks),
        methods=tuple(methods),
        selection=selection,
        limit=limit,
        seed=seed,
        resamples=RESAMPLES,
        weight_settings=weight_settings,
        prompt_form=None if prompt is None else prompt.form,
        stop=() if prompt is None else prompt.stop,
        batch_rows=BATCH_ROWS,
        new_tokens={str(kind): count for kind, count in NEW_TOKENS.items()},
        provenance=provenance(collection, computation),
        shortlist=shortlist,
        step_entries=STEP_ENTRIES,
    )
