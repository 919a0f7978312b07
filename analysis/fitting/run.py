"""A fit from its data to the fitted file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.benchmark.tasks import Task, read_tasks
from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.engine import Engine
from analysis.fitting.examples import examples_of
from analysis.fitting.samples import samples_of
from analysis.learning.fit import Fit, FitContext, TrainingExample
from analysis.learning.kept_work import KeptWork
from analysis.methods import methods
from analysis.models.collection import Collection
from analysis.models.fitted import Origin, origin_of, write_fitted


@dataclass(frozen=True)
class FitRequest:
    """What is fitted, and from which data.

    Attributes:
        method: Name of the method.
        tasks: Task files.
        data: Folder of JSONL rows, one file an adapter; None where there is none.
        limit: The most items of each task file, from its top.
        seed: Of all random choices.
        dtype: Precision of the base.
        command: The command, as the fitted file names it.
        out: The fitted file; by default its place in the collection's folder.
        device: Device of the base; the GPUs where there are any, if None.
    """

    method: str
    tasks: tuple[Path, ...]
    data: Path | None
    limit: int | None
    seed: int
    dtype: str
    command: str
    out: Path | None = None
    device: str | None = None


@dataclass(frozen=True)
class _Data:
    """Texts to learn from, and what they are in words.

    Attributes:
        words: What they are.
        samples: Questions of each adapter's own domain.
        pairs: A question, its right answer, and the adapter of whose domain it is, or "".
    """

    words: str
    samples: Mapping[str, tuple[str, ...]]
    pairs: Sequence[tuple[str, str, str]]


def fit_of(name: str) -> Fit:
    """The fit of a method.

    Raises:
        InputError: There is no such method, or it learns nothing.
    """
    fits = {method.name: method.fit for method in methods().values() if method.fit}
    if name not in fits:
        what = "learns nothing" if name in methods() else "is not there"
        raise InputError(f"Method {name!r} {what}: fit one of {', '.join(fits)}.")
    return fits[name]


def run_fit(collection: Collection, request: FitRequest, progress: Progress) -> Path:
    """Fits a method and writes its file.

    An interrupted fit goes on if it is asked for again with the same data and settings.

    Returns:
        The fitted file.

    Raises:
        InputError: The method learns nothing, or the data cannot be used (found before the base is
            loaded).
    """
    fit = fit_of(request.method)
    if request.limit is not None and request.limit < 1:
        raise InputError(f"--limit is {request.limit}: take at least 1.")
    data = _data(collection, fit, request)
    out = request.out or collection.folder / fit.file
    engine = Engine.load(collection, progress, request.dtype, request.device)
    origin = origin_of(request.command, data.words, collection.base, collection.adapters)
    work = KeptWork(out.with_name(f"{out.stem}.work.safetensors"), _key(fit, data, origin, request))
    context = FitContext(
        adapters=collection.names,
        kinds=tuple(entry.kind for entry in collection.adapters),
        samples={
            name: tuple(engine.prompt(text) for text in texts)
            for name, texts in data.samples.items()
        },
        examples=tuple(
            TrainingExample(engine.prompt(question), engine.answer_ids(answer), adapter)
            for question, answer, adapter in data.pairs
        ),
        engine=engine,
        work=work,
        progress=progress,
        seed=request.seed,
    )
    tensors = fit.learn(context)
    try:
        write_fitted(out, tensors, origin)
    except OSError as error:
        raise InputError(
            f"{out} cannot be written ({error.strerror}): give another --out."
        ) from error
    work.clear()
    return out


def _data(collection: Collection, fit: Fit, request: FitRequest) -> _Data:
    tasks: tuple[Task, ...] = ()
    if request.tasks:
        tasks = read_tasks(request.tasks, request.limit)
    for task in tasks:
        if task.name.endswith("_test"):
            raise InputError(f"{task.name} serves only to measure: fit on dev items.")
    if fit.data == "examples":
        if not tasks:
            raise InputError(
                f"{request.method} learns from questions with right answers: give --tasks."
            )
        examples = examples_of(tasks)
        return _Data(examples.words, {}, [(*pair, "") for pair in examples.pairs])
    answered = fit.data == "own-examples"
    found = {
        entry.name: samples_of(entry, tasks, request.data, request.seed, answered=answered)
        for entry in collection.adapters
    }
    words = "; ".join(f"{name}: {samples.words}" for name, samples in found.items())
    if answered:
        pairs = [
            (question, answer, name)
            for name, samples in found.items()
            for question, answer in zip(samples.questions, samples.answers, strict=True)
        ]
        return _Data(words, {}, pairs)
    return _Data(words, {name: samples.questions for name, samples in found.items()}, ())


def _key(fit: Fit, data: _Data, origin: Origin, request: FitRequest) -> str:
    """Digest of all that the numbers of a fit follow from."""
    parts = (fit.name, sorted(data.samples.items()), list(data.pairs), origin.base_digest)
    settings = (sorted(origin.adapters.items()), request.seed, request.dtype)
    return hashlib.sha256(repr((parts, settings)).encode()).hexdigest()
