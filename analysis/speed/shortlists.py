"""The cost of a shortlist of many adapters, and whether it keeps those that lead."""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from torch import Tensor

from analysis.common.progress import Progress
from analysis.common.threads.own_thread import in_own_thread
from analysis.engine import Engine
from analysis.inference.prompt import Prompt
from analysis.measure.baseline import neutral_queries
from analysis.measure.relevance.relevance import Relevance
from analysis.measure.relevance.shortlist import mean_relevance, mean_weights
from analysis.measure.weight_settings import WeightSettings, default_settings
from analysis.models.adapters import load_adapter
from analysis.models.bases.base_model import load_base
from analysis.models.collection import Collection
from analysis.speed.many_adapters import many_adapters
from analysis.speed.timing import Ratio, Result, ratio, timed

LEADERS = 3
TIMED = 7
_ASSETS = Path(__file__).resolve().parents[2] / "assets"


@dataclass(frozen=True)
class Recall:
    """How often a shortlist of one length keeps the adapters that lead.

    Attributes:
        length: The length.
        same_by_relevance: In how many queries the same adapters have the largest mean relevance.
            It is the same whatever else is traced: they lead if the shortlist holds them.
        kept_by_weight: In how many queries the adapters with the largest mean weights are on the
            shortlist.
        same_by_weight: In how many queries these lead the shortlist by weight, too. Each layer's
            weights add up to 1 over fewer adapters, so that others may lead there.
    """

    length: int
    same_by_relevance: int
    kept_by_weight: int
    same_by_weight: int


@dataclass(frozen=True)
class ShortlistSpeed:
    """The measurements of one run.

    Attributes:
        adapters: Number of adapters.
        length: Length of the timed shortlist.
        queries: Number of queries.
        over_few: The whole trace with the shortlist over that of the collection's own adapters.
        over_all: The whole trace with the shortlist over that of all adapters.
        choosing_share: The share of choosing in the whole trace with the shortlist, the median.
        recalls: For several lengths, how often the leaders are kept.
        different_leaders: How many different leading sets the queries have, by relevance.
    """

    adapters: int
    length: int
    queries: int
    over_few: Ratio
    over_all: Ratio
    choosing_share: float
    recalls: tuple[Recall, ...]
    different_leaders: int


def measure_shortlists(
    collection: Collection, adapters: int, length: int, queries: int, progress: Progress
) -> ShortlistSpeed:
    """Traces queries with all adapters and with shortlists, in turn.

    Args:
        collection: Its base, its adapters and its settings are used.
        adapters: How many adapters there are to be; see `many_adapters`.
        length: Length of the timed shortlist.
        queries: How many queries: of the bundled tasks' development items and everyday questions.
        progress: Told before each query.
    """

    def load(report: Progress) -> tuple[Engine, tuple[str, ...]]:
        report("loading the base model", 0.0)
        model, tokenizer = load_base(collection.base, report)
        own = [load_adapter(model, entry) for entry in collection.adapters]
        engine = Engine(
            model,
            tokenizer,
            many_adapters(own, adapters),
            collection.prompt,
            settings=default_settings(collection),
        )
        return engine, tuple(adapter.name for adapter in own)

    engine, few = in_own_thread(load, progress)
    prompts = [engine.prompt(query) for query in bundled_queries(queries)]
    lengths = sorted({length, 6, 8, 12} & set(range(1, adapters + 1)))
    counts = {one: [0, 0, 0] for one in lengths}
    sets, times = set(), _Times([], [], [], [])
    # A warm-up, on another question: what is kept of a question is not computed again.
    warm = engine.prompt(neutral_queries()[0])
    engine.shortlist(warm, count=length)
    _whole(engine, warm, few)
    for number, prompt in enumerate(prompts):
        progress(f"query {number + 1} of {len(prompts)}", number / len(prompts))
        found, all_seconds = timed(partial(_whole, engine, prompt, engine.adapters))
        shortlist, choosing = _anew(engine, partial(engine.shortlist, prompt, count=length))
        if number < TIMED:
            times.add(engine, prompt, few, shortlist.adapters, choosing, all_seconds)
        most_relevant = _largest(mean_relevance(found))
        heaviest = leaders(found, range(adapters), engine.settings)
        sets.add(frozenset(most_relevant))
        order = _order(engine.adapters, shortlist.scores)
        for one, count in counts.items():
            # Each shortlist holds those with the highest scores, whatever its length.
            kept = sorted(order[:one])
            count[0] += set(most_relevant) <= set(kept)
            count[1] += set(heaviest) <= set(kept)
            count[2] += set(leaders(found, kept, engine.settings)) == set(heaviest)
    return ShortlistSpeed(
        adapters,
        length,
        len(prompts),
        ratio(times.short, times.few),
        ratio(times.short, times.all),
        statistics.median(a / b for a, b in zip(times.choosing, times.short, strict=True)),
        tuple(Recall(one, *count) for one, count in counts.items()),
        len(sets),
    )


@dataclass(frozen=True)
class _Times:
    """Seconds of each timed query."""

    few: list[float]
    short: list[float]
    choosing: list[float]
    all: list[float]

    def add(
        self,
        engine: Engine,
        prompt: Prompt,
        few: tuple[str, ...],
        chosen: tuple[str, ...],
        choosing: float,
        all_seconds: float,
    ) -> None:
        self.few.append(_anew(engine, partial(_whole, engine, prompt, few))[1])
        traced = _anew(engine, partial(_whole, engine, prompt, chosen))[1]
        self.choosing.append(choosing)
        self.short.append(choosing + traced)
        self.all.append(all_seconds)


def _order(adapters: tuple[str, ...], scores: Mapping[str, float]) -> list[int]:
    """The places of the adapters, the highest score first; of no more than asked for, as given."""
    return sorted(range(len(adapters)), key=lambda place: -scores.get(adapters[place], 0.0))


def _anew(engine: Engine, work: Callable[[], Result]) -> tuple[Result, float]:
    """The result of some work and its time, with nothing kept: a trace serves each part of it."""
    engine.kept.drop(lambda key: True)
    return timed(work)


def _whole(engine: Engine, prompt: Prompt, adapters: tuple[str, ...]) -> Relevance:
    """A whole trace: of the prompt, to the relevance of some adapters."""
    return engine.relevance(engine.trace(prompt, adapters))


def leaders(
    relevance: Relevance, chosen: Sequence[int], settings: WeightSettings
) -> tuple[int, ...]:
    """The adapters with the largest mean weights, the largest first, where some are traced.

    Args:
        relevance: Of all adapters.
        chosen: The places of those that are traced.
        settings: How relevance is turned into weights.
    """
    part = replace(relevance, values_LK=relevance.values_LK[:, list(chosen)])
    return tuple(chosen[place] for place in _largest(mean_weights(part, settings)))


def _largest(values_K: Tensor) -> list[int]:
    """The places of the largest values, the largest first."""
    order: list[int] = values_K.argsort(descending=True, stable=True)[:LEADERS].tolist()
    return order


def bundled_queries(count: int) -> list[str]:
    """Bundled questions: of development items and everyday ones, as many of each file as possible.

    Args:
        count: How many at most.
    """
    files = sorted(_ASSETS.glob("tasks/*_dev.jsonl")) + sorted(
        _ASSETS.glob("everyday/questions_*.jsonl")
    )
    texts = [
        [json.loads(line)["instruction"] for line in path.read_text(encoding="utf-8").splitlines()]
        for path in files
    ]
    in_turn = (text for row in itertools.zip_longest(*texts) for text in row if text is not None)
    return list(itertools.islice(in_turn, count))
