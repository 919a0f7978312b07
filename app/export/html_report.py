"""A picture as one web page that needs nothing else: no script, no network."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import TYPE_CHECKING

from app.state.answer_stream import text_of
from app.state.snapshot import Numbers, Picture, difference
from app.views import grid_views
from app.widgets import text

if TYPE_CHECKING:
    from analysis.models.provenance import Provenance
    from app.export.bundle import Taken

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
thead th { font-weight: 600 }
blockquote { border-left: 3px solid var(--line); margin: 0; padding: 4px 16px;
  white-space: pre-wrap }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; min-height: 1.5em;
  border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; font-size: 14px }
dd { margin: 0; overflow-wrap: anywhere }
.wide { overflow-x: auto }
"""


def write(taken: Taken) -> str:
    """The page with what is taken along."""
    picture = taken.picture
    look, shown = picture.look, picture.shown
    weights = grid_views.focused(picture, picture.weights)
    divergence = grid_views.focused(picture, picture.divergence)
    sentences = [
        grid_views.leaders(picture),
        text.movers(divergence, picture.labels, look.unit, shown).split(" The colour")[0],
        look.described(),
        text.focus(shown, picture.layers),
    ]
    said = "".join(f"<p>{_escaped(sentence)}</p>\n" for sentence in sentences if sentence)
    most = max((value for row in divergence for value in row), default=0) or 1
    shares = [[value / most for value in row] for row in divergence]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fusion Lens</title>
<style>{_STYLE}</style></head><body>
<h1>Fusion Lens</h1>
<p>{_escaped(taken.collection.title)}</p>
<blockquote dir="auto">{_escaped(picture.query)}</blockquote>
{said}<h2>Weights</h2>
{_table(picture, weights, [[f"{value:.2f}" for value in row] for row in weights])}
<h2>Divergence{_escaped(f" in{look.unit}" if look.unit else "")}</h2>
{_table(picture, shares, [[text.number(value) for value in row] for row in divergence])}
{_painted(taken)}{_compared(taken)}{_answers(taken)}<h2>Made with</h2>
{_facts(taken.source)}
</body></html>
"""


def _table(picture: Picture, shades: Numbers | list[list[float]], cells: list[list[str]]) -> str:
    heads = "".join(f'<th scope="col" dir="auto">{_escaped(one)}</th>' for one in picture.labels)
    body = ""
    for layer, row, said in zip(picture.shown, shades, cells, strict=True):
        line = "".join(
            f'<td style="--w:{shade:.3f}">{_escaped(cell)}</td>'
            for shade, cell in zip(row, said, strict=True)
        )
        body += f'<tr><th scope="row">{layer}</th>{line}</tr>\n'
    return (
        f'<div class="wide"><table><thead><tr><th scope="col">layer</th>{heads}</tr></thead>'
        f"<tbody>\n{body}</tbody></table></div>"
    )


def _painted(taken: Taken) -> str:
    if taken.painted is None:
        return ""
    painted = grid_views.focused(taken.picture, taken.painted)
    cells = [[f"{value:.2f}" for value in row] for row in painted]
    return (
        f"<h2>What-if weights, as they were painted</h2>\n{_table(taken.picture, painted, cells)}\n"
    )


def _compared(taken: Taken) -> str:
    picture, pinned = taken.picture, taken.pinned
    changed = difference(pinned, picture) if pinned else None
    if pinned is None or changed is None:
        return ""
    values = grid_views.focused(picture, changed.values)
    cells = [[f"{value:+.2f}" for value in row] for row in values]
    shades = [[abs(value) for value in row] for row in values]
    labels = tuple(picture.labels[place] for place in changed.places)
    shared = replace(picture, adapters=changed.adapters, labels=labels)
    return (
        "<h2>Weights less those of the pinned run</h2>\n"
        f'<blockquote dir="auto">{_escaped(pinned.query)}</blockquote>\n'
        f"<p>{_escaped(pinned.look.described())}</p>\n{_table(shared, shades, cells)}\n"
    )


def _answers(taken: Taken) -> str:
    answers, asked = taken.answers, taken.asked
    if answers is None or asked is None:
        return ""
    sampling = asked.settings.sampling
    how = (
        f"at most {asked.settings.new_tokens} tokens each, temperature {sampling.temperature:g}, "
        f"top-p {sampling.top_p:g}, seed {sampling.seed}"
    )
    written = f"<h2>Answers</h2>\n<p>{_escaped(how)}</p>\n"
    for row in answers["rows"]:
        written += f'<h3 dir="auto">{_escaped(row["label"])}</h3>'
        written += f'<pre dir="auto">{_escaped(text_of(row))}</pre>\n'
    return written


def _facts(source: Provenance) -> str:
    facts = {**source.versions, "collection": source.manifest, "base": source.base}
    if source.revision:
        facts["revision"] = source.revision
    facts |= {file.name: f"sha256 {file.sha256}" for file in source.base_files}
    lines = "".join(
        f"<dt>{_escaped(name)}</dt><dd>{_escaped(value)}</dd>\n" for name, value in facts.items()
    )
    return f"<dl>{lines}</dl>"


def _escaped(given: str) -> str:
    # Line breaks stay; whatever else acts unseen is named, as on the page.
    return "\n".join(html.escape(text.plain(line)) for line in given.split("\n"))
