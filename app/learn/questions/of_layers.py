"""Questions about single layers: what the lens reads there, and which tokens a difference is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.measure.trace import KEPT
from app.learn.lesson_run import LessonRun
from app.learn.questions.outcome import Option, Outcome, Question, fixed
from app.widgets import text

if TYPE_CHECKING:
    from analysis.measure.cell_explanation import TokenChange

_MOST_WORDS = 4
_THIRDS = ("first", "middle", "last")


def _settled(run: LessonRun) -> Outcome | None:
    """In which third of the layers the base's favourite token becomes the final one for good."""
    layers = run.snapshot.layers
    if layers < len(_THIRDS):
        return None
    favourites = [run.cell(layer, 0).base_top[0] for layer in range(layers)]
    final = favourites[-1]
    others = [layer for layer in range(layers) if favourites[layer].id != final.id]
    layer = max(others, default=-1) + 1
    key = _THIRDS[layer * len(_THIRDS) // layers]
    facts = {
        "layer": str(layer),
        "last": str(layers - 1),
        "word": text.visible(final.text),
        "early": text.visible(favourites[0].text),
    }
    return Outcome("settled", (key,), fixed(*_THIRDS), facts=facts, cell=(layer, 0))


def _same_word(run: LessonRun) -> Outcome | None:
    last = run.snapshot.layers - 1
    early, final = (run.cell(layer, 0).base_top[0] for layer in (0, last))
    key = "same" if early.id == final.id else "other"
    facts = {"word": text.visible(final.text), "early": text.visible(early.text)}
    options = fixed("same", "other")
    return Outcome("same-word", (key,), options, facts=facts, said=key, cell=(last, 0))


def _layer_word(run: LessonRun) -> Outcome | None:
    """The base's favourite token in a layer of which the page has not told it yet."""
    layers = range(run.snapshot.layers)
    tops = [run.cell(layer, 0).base_top[:_MOST_WORDS] for layer in layers]
    told = {tops[0][0].id, tops[-1][0].id}
    shown = run.snapshot.strongest()[0]
    usable = [layer for layer in layers if _readable(tops[layer])]
    # The latest, where words make most sense.
    for fits in (
        lambda layer: tops[layer][0].id not in told and layer != shown,
        lambda layer: layer not in (0, layers[-1], shown),
        lambda layer: True,
    ):
        if chosen := [layer for layer in usable if fits(layer)]:
            return _word_of(chosen[-1], tops[chosen[-1]])
    return None


def _readable(tokens: Sequence[TokenChange]) -> bool:
    """Whether tokens can be told apart, and the first has more than the others, as shown."""
    words = [text.visible(one.text) for one in tokens]
    return (
        len(tokens) > 1
        and len(set(words)) == len(words)
        and text.percent(tokens[0].base) != text.percent(tokens[1].base)
    )


def _word_of(layer: int, tokens: Sequence[TokenChange]) -> Outcome:
    word = text.visible(tokens[0].text)
    facts = {"layer": str(layer), "word": word}
    right = (str(tokens[0].id),)
    return Outcome(
        "layer-word",
        right,
        _options(tokens),
        facts=facts,
        numbers={"share": str(text.percent(tokens[0].base))},
        cell=(layer, 0),
    )


def _options(tokens: Sequence[TokenChange]) -> tuple[Option, ...]:
    options = (Option(str(one.id), text.visible(one.text)) for one in tokens)
    return tuple(sorted(options, key=lambda option: option.label))


def _mover(run: LessonRun) -> Outcome | None:
    means = run.means(run.snapshot.divergence)
    if max(means) <= 0:
        return None
    return _most(run, "mover", means)


def _least_mover(run: LessonRun) -> Outcome | None:
    means = run.means(run.snapshot.divergence)
    return _most(run, "least-mover", [-mean for mean in means])


def _most(run: LessonRun, ask: str, means: list[float]) -> Outcome:
    snapshot = run.snapshot
    most = max(means)
    ties = [place for place, mean in enumerate(means) if mean == most]
    unit = snapshot.view_settings.unit
    facts = {
        "leader": ", ".join(snapshot.labels[place] for place in ties),
        "layer": str(max(run.clear, key=lambda layer: snapshot.divergence[layer][ties[0]])),
    }
    options = tuple(Option(name, label) for name, label in
                    zip(snapshot.adapters, snapshot.labels, strict=True))  # fmt: skip
    right = tuple(snapshot.adapters[place] for place in ties)
    numbers = {"value": f"{text.number(abs(most))}{unit}"}
    cell = (int(facts["layer"]), ties[0])
    return Outcome(ask, right, options, facts=facts, numbers=numbers, cell=cell)


def _share(run: LessonRun) -> Outcome | None:
    """The token with the largest share of an adapter's largest divergence.

    The page shows the cell of the largest divergence of all, so another adapter is asked about
    where there is one.
    """
    snapshot = run.snapshot
    if snapshot.view_settings.position not in KEPT:
        return None  # the grid shows a mean, and the tokens of a cell are those of one place
    columns = list(zip(*snapshot.divergence, strict=True))
    places = sorted(range(snapshot.width), key=lambda place: -max(columns[place]))
    for place in (*places[1:], places[0]):
        layer = max(range(snapshot.layers), key=columns[place].__getitem__)
        tokens = run.cell(layer, place).contributors[:_MOST_WORDS]
        words = [text.visible(one.text) for one in tokens]
        if len(tokens) < 2 or len(set(words)) < len(words):
            continue
        if text.percent(tokens[0].share) == text.percent(tokens[1].share):
            continue  # the page cannot show which is larger
        facts = {
            "layer": str(layer),
            "adapter_of_cell": snapshot.labels[place],
            "word": words[0],
        }
        return Outcome(
            "share",
            (str(tokens[0].id),),
            _options(tokens),
            facts=facts,
            numbers={"share": str(text.percent(tokens[0].share))},
            cell=(layer, place),
        )
    return None


QUESTIONS = (
    Question("settled", _settled, _THIRDS, facts=("layer", "last", "word", "early")),
    Question(
        "same-word",
        _same_word,
        ("same", "other"),
        facts=("word", "early"),
        said=("same", "other"),
    ),
    Question("layer-word", _layer_word, facts=("layer", "word", "share")),
    Question("mover", _mover, of_adapters=True, facts=("leader", "value", "layer"), adapters=2),
    Question(
        "least-mover",
        _least_mover,
        of_adapters=True,
        facts=("leader", "value", "layer"),
        adapters=2,
    ),
    Question("share", _share, facts=("layer", "adapter_of_cell", "word", "share")),
)
