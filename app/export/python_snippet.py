"""A run as a Python file that computes the same numbers and answers with `analysis`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from analysis.measure.trace import POSITIONS
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot

if TYPE_CHECKING:
    from analysis.models.provenance import Provenance
    from app.state.run import AnswerRecord

_WEIGHTS = """\
\"\"\"A run of Fusion Lens, computed again. Run it from any folder:

    FUSION_LENS=/path/to/fusion-lens python {file}

The path is that of a checkout of Fusion Lens with its requirements installed. It can be left out
where this file, or the folder that you run it from, is inside the checkout.{place}
\"\"\"

import os
import sys
from pathlib import Path

HOME = os.environ.get("FUSION_LENS")
HERE = [Path.cwd() / "file", Path(globals().get("__file__", "file")).resolve()]
PLACES = [Path(HOME)] if HOME else [place for path in HERE for place in path.parents]
FOUND = next((place for place in PLACES if (place / "analysis" / "engine.py").is_file()), None)
if FOUND is None:
    sys.exit("Fusion Lens was not found: set FUSION_LENS to the folder of a checkout of it.")
sys.path.insert(0, str(FOUND))

{imports}
from analysis.measure.normalisation import weigh

engine = Engine.load(load_collection({manifest!r}), dtype={dtype!r}, device={device!r})
trace = engine.trace({query!r}, {adapters!r})
{divergence}
weights = weigh(divergence.values_LK, {normalisation!r}, {temperature!r})
first, last = {first}, {last}  # the layers that were shown
print(trace.adapters)
print(weights[first : last + 1])  # [layers, adapters]
"""
_IMPORTS = "from analysis import Engine, load_collection"
_SIGNAL = """\
from analysis.measure.weight_settings import WeightSettings

asked = WeightSettings({lens!r}, {position!r}, {metric!r}, signal={signal!r}, relative={relative!r})
divergence = engine.relevance(trace, settings=asked)"""
_IMPORTS_FOR_ANSWERS = """\
from dataclasses import replace

from analysis import ConstantWeights, Engine, Row, Sampling, fuse, load_collection"""
_ONE = "every = engine.every_token(trace.prompt, trace.adapters, {lens!r}, {metric!r})\n" + (
    "divergence = every.at({token!r})"
)
_AT = "divergence = engine.divergence(trace, {lens!r}, {position!r}, {metric!r})"
_OVER = "every = engine.every_token(trace.prompt, trace.adapters, {lens!r}, {metric!r})\n" + (
    "divergence = every.mean()  # over the tokens of the query"
)
_ANSWERS = """
rows = {fused}
{more}answers = [""] * len(rows)
for step in engine.answer(
    trace.prompt,
    rows,
    new_tokens={new_tokens!r},
    sampling=Sampling(temperature={temperature!r}, top_p={top_p!r}, seed={seed!r}),
):
    for token in step.tokens:
        answers[token.row] += token.delta
for row, answer in zip(rows, answers, strict=True):
    print(f"--- {{row.name}}\\n{{answer}}")
"""


def write(
    source: Provenance,
    snapshot: Snapshot,
    answer_record: AnswerRecord | None,
    file: str = "fusion-lens.py",
) -> str:
    """The file's text.

    Args:
        source: Base, adapters and versions.
        snapshot: The numbers that the page shows.
        answer_record: Settings and weights of the answers, if there are any.
        file: The name that the file will have.
    """
    view_settings = snapshot.view_settings
    place = (
        ""
        if source.bundled
        else "\nBelow stands the name of the collection's manifest: give its path in its place."
    )
    computation = source.computation
    written = _WEIGHTS.format(
        imports=_IMPORTS if answer_record is None else _IMPORTS_FOR_ANSWERS,
        place=place,
        file=file,
        manifest=source.manifest,
        dtype=computation.dtype if computation else "float32",
        device=computation.device if computation else None,
        query=snapshot.query,
        adapters=list(snapshot.adapters),
        divergence=_divergence(view_settings),
        normalisation=view_settings.normalisation,
        temperature=view_settings.temperature,
        first=snapshot.visible_layers.start,
        last=snapshot.visible_layers.stop - 1,
    )
    if answer_record is None:
        return written
    settings = answer_record.settings
    return written + _ANSWERS.format(
        fused=_fused(answer_record),
        more=_more(answer_record),
        new_tokens=settings.new_tokens,
        temperature=settings.sampling.temperature,
        top_p=settings.sampling.top_p,
        seed=settings.sampling.seed,
    )


def _divergence(view_settings: ViewSettings) -> str:
    lens, metric, token = view_settings.lens, view_settings.metric, view_settings.token
    if not view_settings.reads_every_token and not view_settings.plain:
        return _SIGNAL.format(
            lens=lens,
            position=view_settings.trace_settings.position,
            metric=metric,
            signal=view_settings.signal,
            relative=view_settings.relative,
        )
    if not view_settings.reads_every_token:
        return _AT.format(lens=lens, position=view_settings.position, metric=metric)
    if token is None:
        return _OVER.format(lens=lens, metric=metric)
    return _ONE.format(lens=lens, metric=metric, token=token)


def _fused(answer_record: AnswerRecord) -> str:
    settings = answer_record.settings
    # Some of the methods that were asked for may have been unable to answer.
    names = [one.name for one in answer_record.weights if one.name in settings.methods]
    if not names:
        return "[]"
    given: dict[str, object] = {"lens": settings.lens}
    if settings.reading is not None:
        given = asdict(settings.reading)
        if settings.reading.position not in POSITIONS:
            del given["position"]  # no method reads every token
    changes = ", ".join(f"{name}={value!r}" for name, value in given.items())
    context = f"engine.context(trace, settings=replace(engine.settings, {changes}))"
    return f"fuse({names!r}, {context})"


def _more(answer_record: AnswerRecord) -> str:
    """The rows with weights of the grid, written out as numbers."""
    methods = answer_record.settings.methods
    painted = [one for one in answer_record.weights if one.name not in methods]
    lines = ["import torch\n\n"] if painted else []
    for row in painted:
        numbers = [list(weights) for weights in row.mean]
        lines.append(
            f"numbers = torch.tensor({numbers!r}, dtype=torch.float64)\n"
            f"rows.append(Row({row.name!r}, ConstantWeights({row.adapters!r}, numbers)))\n"
        )
    return "".join(lines)
