"""The HTML report: a snapshot as one web page without scripts and without network requests."""

from __future__ import annotations

import html
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from app.export.bundle import weight_settings
from app.state.settings.view_settings import ViewSettings
from app.state.settings.wording import described, in_words
from app.state.snapshot import Numbers, Snapshot, difference
from app.views.grid import grid_views
from app.widgets import summaries, text

if TYPE_CHECKING:
    from analysis.models.provenance import Provenance
    from app.export.bundle import ExportBundle

_STYLE = """
:root { color-scheme: light dark; --ink: #181b25; --back: #fafbfc; --line: #d3d6df;
  --cell: 52, 72, 159 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ee; --back: #11131b; --line: #2d3240; --cell: 127, 148, 230 }
}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 960px; margin: 40px auto;
  padding: 0 16px; color: var(--ink); background: var(--back) }
table { border-collapse: separate; border-spacing: 2px; width: 100%;
  font-variant-numeric: tabular-nums }
td, th { padding: 3px 8px; text-align: center; font-weight: 400; overflow-wrap: anywhere }
td { background: rgba(var(--cell), calc(var(--w) * 0.55)) }
td.less { background: rgba(208, 112, 24, calc(var(--w) * 0.55)) }
tr.grey td { background: repeating-linear-gradient(135deg, var(--line) 0 1px, transparent 1px 6px) }
.legend { display: flex; gap: 8px; align-items: center; font-size: 14px }
.legend i { width: 160px; height: 10px; border: 1px solid var(--line);
  background: linear-gradient(to right, rgba(var(--cell), 0), rgba(var(--cell), 0.55)) }
.legend i.around { background: linear-gradient(to right, rgba(208, 112, 24, 0.55), transparent,
  rgba(var(--cell), 0.55)) }
thead th { font-weight: 600 }
blockquote { border-left: 3px solid var(--line); margin: 0; padding: 4px 16px;
  white-space: pre-wrap }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; min-height: 1.5em;
  border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; font-size: 14px }
dd { margin: 0; overflow-wrap: anywhere }
.wide { overflow-x: auto }
"""


def write(bundle: ExportBundle) -> str:
    """The page's markup."""
    snapshot = bundle.snapshot
    view_settings, visible_layers = snapshot.view_settings, snapshot.visible_layers
    weights = grid_views.in_visible_layers(snapshot, snapshot.weights)
    saturated = [layer for layer in visible_layers if layer in snapshot.saturated]
    divergence = grid_views.in_visible_layers(snapshot, snapshot.divergence)
    sentences = [
        grid_views.leaders(snapshot),
        summaries.movers(divergence, snapshot.labels, view_settings.unit, visible_layers),
        summaries.saturation(saturated, [view_settings.lens]),
        described(view_settings),
        summaries.focus(visible_layers, snapshot.layers),
    ]
    paragraphs = "".join(f"<p>{_escaped(sentence)}</p>\n" for sentence in sentences if sentence)
    most = max((value for row in divergence for value in row), default=0) or 1
    numbers = [[text.number(value) for value in row] for row in divergence]
    shares = [[value / most for value in row] for row in divergence]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fusion Lens</title>
<style>{_STYLE}</style></head><body>
<h1>Fusion Lens</h1>
<p>{_escaped(bundle.collection.title)}</p>
<blockquote dir="auto">{_escaped(snapshot.query)}</blockquote>
{paragraphs}<h2>{_escaped(grid_views.WEIGHTS_TITLE)}</h2>
{_legend("0", "1", "weight")}
{_table(snapshot, weights, [[f"{value:.2f}" for value in row] for row in weights], saturated)}
<h2>Divergence{_escaped(f" in{view_settings.unit}" if view_settings.unit else "")}</h2>
{_legend("0", text.number(most), view_settings.measure)}
{_table(snapshot, shares, numbers, saturated)}
{_painted(bundle)}{_compared(bundle)}{_answers(bundle)}<h2>Made with</h2>
{_facts(bundle.source)}
</body></html>
"""


def _table(
    snapshot: Snapshot,
    shades: Numbers | list[list[float]],
    cells: list[list[str]],
    grey: Collection[int] = (),
) -> str:
    heads = "".join(
        f'<th scope="col" dir="auto">{_escaped(label)}</th>' for label in snapshot.labels
    )
    body = ""
    for layer, row, written in zip(snapshot.visible_layers, shades, cells, strict=True):
        line = "".join(
            f'<td{" class=less" if shade < 0 else ""} style="--w:{abs(shade):.3f}">'
            f"{_escaped(cell)}</td>"
            for shade, cell in zip(row, written, strict=True)
        )
        kind = ' class="grey"' if layer in grey else ""
        body += f'<tr{kind}><th scope="row">{layer}</th>{line}</tr>\n'
    return (
        f'<div class="wide"><table><thead><tr><th scope="col">layer</th>{heads}</tr></thead>'
        f"<tbody>\n{body}</tbody></table></div>"
    )


def _legend(low: str, high: str, name: str, *, around: bool = False) -> str:
    kind = ' class="around"' if around else ""
    return (
        f'<p class="legend">{_escaped(name)} {_escaped(low)} <i{kind}></i> {_escaped(high)}</p>\n'
    )


def _painted(bundle: ExportBundle) -> str:
    if bundle.painted is None:
        return ""
    painted = grid_views.in_visible_layers(bundle.snapshot, bundle.painted)
    cells = [[f"{value:.2f}" for value in row] for row in painted]
    table = _table(bundle.snapshot, painted, cells)
    return f"<h2>What-if weights</h2>\n{table}\n"


def _compared(bundle: ExportBundle) -> str:
    snapshot, pinned = bundle.snapshot, bundle.pinned
    changed = difference(pinned, snapshot) if pinned else None
    if pinned is None or changed is None:
        return ""
    values = grid_views.in_visible_layers(snapshot, changed.values)
    cells = [[text.signed(value) for value in row] for row in values]
    grey = {*snapshot.saturated, *pinned.saturated}
    # Around 0, towards the largest change of a layer that is not hatched, as on the page.
    clear = [
        abs(value)
        for layer, row in zip(snapshot.visible_layers, values, strict=True)
        if layer not in grey
        for value in row
    ]
    most = max(clear, default=0.0) or 1.0
    shades = [[max(-1.0, min(1.0, value / most)) for value in row] for row in values]
    labels = tuple(snapshot.labels[place] for place in changed.places)
    shared = replace(snapshot, adapters=changed.adapters, labels=labels)
    return (
        "<h2>Weights minus the pinned weights</h2>\n"
        f'<blockquote dir="auto">{_escaped(pinned.query)}</blockquote>\n'
        f"<p>{_escaped(described(pinned.view_settings))}</p>\n"
        f"{_legend(text.signed(-most), text.signed(most), 'change of weight', around=True)}"
        f"{_table(shared, shades, cells, grey)}\n"
    )


def _answers(bundle: ExportBundle) -> str:
    answers, answer_record = bundle.answers, bundle.answer_record
    if answers is None or answer_record is None:
        return ""
    settings = answer_record.settings
    sampling = settings.sampling
    how = (
        f"At most {settings.new_tokens} tokens each, temperature {sampling.temperature:g}, "
        f"top-p {sampling.top_p:g}, seed {sampling.seed}."
    )
    if any(row.of_divergence for row in answers.rows):
        answered = ViewSettings.with_weights(weight_settings(bundle.collection, settings))
        how += f" Methods that read divergences: {in_words(answered)}."
    written = f"<h2>Answers</h2>\n<p>{_escaped(how)}</p>\n"
    for row in answers.rows:
        written += f'<h3 dir="auto">{_escaped(row.label)}</h3>'
        written += f'<pre dir="auto">{_escaped(row.text)}</pre>\n'
    for missing in answers.missing:
        written += f'<h3 dir="auto">{_escaped(missing.label)}</h3>'
        written += f'<p dir="auto">Cannot answer: {_escaped(missing.reason)}</p>\n'
    return written


def _facts(source: Provenance) -> str:
    facts = {**source.versions, "collection": source.manifest, "base": source.base}
    if source.computation:
        facts |= {"dtype": source.computation.dtype, "device": source.computation.device}
    if source.revision:
        facts["revision"] = source.revision
    facts |= {file.name: f"sha256 {file.sha256}" for file in source.base_files}
    lines = "".join(
        f"<dt>{_escaped(name)}</dt><dd>{_escaped(value)}</dd>\n" for name, value in facts.items()
    )
    return f"<dl>{lines}</dl>"


def _escaped(given: str) -> str:
    # Line breaks stay; other invisible characters become code points, as on the page.
    return "\n".join(html.escape(text.plain(line)) for line in given.split("\n"))
