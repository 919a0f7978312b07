"""The making of results: with which parts they were made, and by which commands."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from analysis.benchmark.entries import ORACLE_PAIR
from analysis.models.collection import Collection
from analysis.models.manifest import COLLECTIONS
from analysis.models.provenance import AdapterFile
from app.results.result_file import path_of
from app.widgets import text
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.benchmark.joined import JoinedResults
    from analysis.benchmark.results import BenchmarkResult

_METHODS = "base,adapter:*,static,sum,qa-flora"
_TASKS = COLLECTIONS.parent / "tasks"


def details(results: JoinedResults) -> tuple[tuple[str, str], ...]:
    """How the results were made: names and values."""
    settings = results.runs[0].settings
    made, weights = settings.provenance, settings.weight_settings
    chosen = joined("; ", (_chosen(run) for run in results.runs))
    rule = (weights.lens, weights.metric, weights.position, weights.normalisation)
    longest = ", ".join(f"{kind} {most}" for kind, most in settings.new_tokens.items())
    rows = [
        (say("Fused adapters"), chosen),
        (say("Methods"), ", ".join(settings.methods)),
        (say("Lens, metric, position, normalisation"), ", ".join(rule)),
        (
            say("Prompt form"),
            text.visible(settings.prompt_form)
            if settings.prompt_form
            else say("the tokenizer's chat template"),
        ),
        (say("Longest answers"), say("{count} tokens", count=longest)),
        (
            say("Bootstrap"),
            say(
                "{count} samples of clusters, seed {seed}",
                count=settings.resamples,
                seed=settings.seed,
            ),
        ),
        (
            say("Items of a task"),
            say("all")
            if settings.limit is None
            else say("the first {count}", count=settings.limit),
        ),
        (say("Versions"), ", ".join(f"{name} {one}" for name, one in made.versions.items())),
        *((say("Task {name}", name=one.name), f"SHA-256 {one.sha256}") for one in settings.tasks),
        *((say("Base {name}", name=one.name), f"SHA-256 {one.sha256}") for one in made.base_files),
        *((say("Adapter {name}", name=place), _digests(file))
          for place, file in enumerate(made.adapters, start=1)),
    ]  # fmt: skip
    return tuple((text.plain(name), text.plain(value)) for name, value in rows)


def _digests(file: AdapterFile) -> str:
    own = f"SHA-256 {file.sha256}"
    if not file.config_sha256:
        return own
    return own + say(", of its configuration {digest}", digest=file.config_sha256)


def _chosen(run: BenchmarkResult) -> str:
    selection = run.settings.selection
    if selection.mode == "pair":
        return say("each item's language adapter and task adapter")
    return ", ".join(selection.adapters)


def commands(collection: Collection) -> tuple[str, ...]:
    """The commands that make the results of a collection."""
    path = path_of(collection)
    bundled = collection.folder.name == path.stem
    # A folder's place on this machine is not a visitor's business.
    place = shlex.quote(f"assets/results/{path.name}" if bundled else f"COLLECTION/{path.name}")
    of = (
        f" --collection {shlex.quote(collection.folder.name)}"
        if bundled
        else " --collection COLLECTION"
    )
    files = _files(collection)
    if not files:
        # No file of the project has a pair in this collection; one's own task files have none here.
        return (
            f"python -m analysis benchmark --tasks assets/tasks/*_test.jsonl{of} "
            f"--methods {_METHODS} --all --out runs/all",
            f"python -m analysis benchmark --join runs/all --out {place}",
        )
    start = f"python -m analysis benchmark --tasks {' '.join(files)}{of} --methods {_METHODS}"
    return (
        f"{start},{ORACLE_PAIR} --all --out runs/all",
        f"{start} --pair --out runs/pair",
        f"python -m analysis benchmark --join runs/all runs/pair --out {place}",
    )


def _files(collection: Collection) -> list[str]:
    """The project's test files of a language and a task for which the collection has adapters.

    Their names say both; `--pair` refuses items without a pair.
    """

    def tags(kind: str) -> list[str]:
        found = [entry.tag for entry in collection.adapters if entry.kind == kind and entry.tag]
        return [tag for tag in dict.fromkeys(found) if found.count(tag) == 1]

    names = (f"{language}_{task}_test.jsonl" for language in tags("language")
             for task in tags("task"))  # fmt: skip
    return [f"assets/tasks/{name}" for name in names if (_TASKS / name).is_file()]
