"""Questions about weights: who leads, the arithmetic of a layer, and copies of an adapter."""

from __future__ import annotations

import math

from app.learn.lesson_run import LessonRun
from app.learn.questions.outcome import Option, Outcome, Question, fixed
from app.widgets import summaries, text

_COUNTS = ("one", "two", "more")
_RATIOS = ("less", "same", "twice", "more")
_TOLERANCE = 0.02
# A leading weight in this region is neither obvious nor a tie.
_INTERESTING = 0.6
# Divergences with a smaller sum are hard to add up by hand.
_LARGE = 0.02
_LESS, _SAME, _TWICE = 0.75, 1.5, 2.5


def _leaders(run: LessonRun) -> Outcome | None:
    snapshot = run.snapshot
    leaders = run.leaders
    first = max(set(leaders), key=lambda place: (leaders.count(place), -place))
    key = _COUNTS[min(len(set(leaders)), len(_COUNTS)) - 1]
    facts = {
        "leaders": ", ".join(snapshot.labels[place] for place in sorted(set(leaders))),
        "leader": snapshot.labels[first],
        "layers": str(leaders.count(first)),
        "all_layers": str(len(leaders)),
    }
    cell = (run.clear[leaders.index(first)], first)
    return Outcome("leaders", (key,), fixed(*_COUNTS), facts=facts, said=key, cell=cell)


def _weight(run: LessonRun) -> Outcome | None:
    snapshot = run.snapshot
    if snapshot.view_settings.normalisation != "sum":
        return None
    large = [layer for layer in run.clear if sum(snapshot.divergence[layer]) >= _LARGE]
    layer = min(large or run.clear, key=lambda one: abs(max(snapshot.weights[one]) - _INTERESTING))
    row, total = snapshot.weights[layer], sum(snapshot.divergence[layer])
    if total <= 0:
        return None
    place = max(range(len(row)), key=row.__getitem__)
    # Three digits of the sum, so that rounding moves the weight by less than the tolerance.
    digits = max(0, 2 - math.floor(math.log10(total)))
    values = [f"{value:.{digits}f}" for value in snapshot.divergence[layer]]
    named = zip(snapshot.labels, values, strict=True)
    facts = {
        "layer": str(layer),
        "leader": snapshot.labels[place],
    }
    numbers = {
        # Not parted by commas, which other languages have in the numbers.
        "divergences": "; ".join(f"{label} {value}" for label, value in named),
        "sum": " + ".join(values),
        "own": values[place],
        "total": f"{total:.{digits}f}",
        "weight": f"{row[place]:.2f}",
    }
    return Outcome(
        "weight",
        number=row[place],
        tolerance=_TOLERANCE,
        facts=facts,
        numbers=numbers,
        cell=(layer, place),
    )


def _above_static(run: LessonRun) -> Outcome | None:
    snapshot = run.snapshot
    means, static = run.means(snapshot.weights), 1 / snapshot.width
    above = [place for place, mean in enumerate(means) if mean > static]
    if not above or any(text.percent(mean) == text.percent(static) for mean in means):
        return None  # the page cannot show who is above
    facts = {"leader": ", ".join(snapshot.labels[place] for place in above)}
    options = tuple(Option(name, label) for name, label in
                    zip(snapshot.adapters, snapshot.labels, strict=True))  # fmt: skip
    most = max(above, key=means.__getitem__)
    layer = max(run.clear, key=lambda one: snapshot.weights[one][most])
    right = tuple(snapshot.adapters[place] for place in above)
    return Outcome(
        "above-static",
        right,
        options,
        several=True,
        facts=facts,
        numbers={"static": str(text.percent(static))},
        cell=(layer, most),
    )


def _copy_means(run: LessonRun) -> list[float] | None:
    """The mean weights of an adapter and of its zero, duplicate and doubled copies."""
    if run.copies is None or max(row[0] for row in run.copies.numbers["divergence"]) <= 0:
        return None
    return summaries.averages(run.copies.numbers["weight"])


def _copied(run: LessonRun) -> str:
    assert run.copies is not None
    return run.snapshot.labels[run.snapshot.adapters.index(run.copies.columns[0])]


def _doubled(run: LessonRun) -> Outcome | None:
    means = _copy_means(run)
    if means is None or not means[0]:
        return None
    own, _, _, doubled = means
    ratio = doubled / own
    bounds = (("less", _LESS), ("same", _SAME), ("twice", _TWICE))
    key = next((key for key, bound in bounds if ratio < bound), "more")
    numbers = {
        "own": str(text.percent(own)),
        "doubled": str(text.percent(doubled)),
        "ratio": f"{ratio:.1f}",
    }
    facts = {"copied": _copied(run)}
    return Outcome("doubled", (key,), fixed(*_RATIOS), facts=facts, numbers=numbers)


def _pair_share(run: LessonRun) -> Outcome | None:
    means = _copy_means(run)
    if means is None:
        return None
    own, zero, twin, _ = means
    shares = {"own": own, "pair": own + twin, "zero": zero}
    return Outcome(
        "pair-share",
        number=100 * (own + twin),
        tolerance=2.0,
        facts={"copied": _copied(run)},
        numbers={name: str(text.percent(share)) for name, share in shares.items()},
    )


QUESTIONS = (
    Question(
        "leaders",
        _leaders,
        _COUNTS,
        facts=("leaders", "leader", "layers", "all_layers"),
        adapters=2,
        said=_COUNTS,
    ),
    Question(
        "weight",
        _weight,
        facts=("layer", "leader", "divergences", "sum", "own", "total", "weight"),
        adapters=2,
    ),
    Question(
        "above-static",
        _above_static,
        of_adapters=True,
        facts=("static", "leader"),
        adapters=2,
    ),
    Question(
        "doubled",
        _doubled,
        _RATIOS,
        facts=("copied", "own", "doubled", "ratio"),
        needs_copies=True,
    ),
    Question("pair-share", _pair_share, facts=("copied", "own", "pair", "zero"), needs_copies=True),
)
