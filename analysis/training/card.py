"""The model card that goes with an adapter."""

import re
from pathlib import Path
from typing import Any

from analysis.training.checkpoint import TrainingHistory
from analysis.training.quiet import mean
from analysis.training.recipe import Recipe

_GEMMA = "Gemma Terms of Use"
_FIRST = "\n## The run it went on from\n"

WHAT_QUIET_MEANS = """
## What quiet means
The adapter was trained to leave foreign rows as the base has them. Beside other quiet adapters a
large divergence therefore means that it fits the question. Adapters that were not trained so, which
is most of those found elsewhere, change every text: one of them may outweigh this adapter also in
its own domain. `--relative` weighs each adapter by its usual divergence on neutral queries instead.
"""


def card(
    recipe: Recipe,
    base_name: str,
    sources: dict[str, list[dict[str, Any]]],
    facts: dict[str, Any],
    progress: TrainingHistory,
    first: str | None = None,
) -> str:
    """A README for the adapter's folder: purpose, sources, recipe, results on the way, limits.

    Args:
        recipe: The run's.
        base_name: Name of the base.
        sources: Where rows came from, for `own` rows and for `foreign` ones.
        facts: Counts of the run.
        progress: History of the run.
        first: From `earlier`, for the adapter that the run continued; None for a new adapter.
    """
    rows = _rows(sources["own"])
    low, high = recipe.weight_range
    weights = f"a weight drawn from {low}-{high} for each batch" if low < high else f"weight {low}"
    every = recipe.whole_head_every
    whole = "every batch" if every == 1 else f"one batch in {every}"
    started = " It went on from an earlier run (FIRST below)." if facts["started"] else ""
    return f"""---
base_model: {base_name}
library_name: peft
license: {_tag(facts["license"])}
---
# {recipe.name}

{recipe.purpose or "A LoRA adapter."}

A LoRA adapter for {base_name}, rank {recipe.rank}, alpha {recipe.alpha}, on
{", ".join(recipe.modules)}. {_license(facts)}

## Data
Rows drawn, and how many of them were different:

| source | licence | rows | different |
|---|---|---|---|
{rows}

No rows are shipped with the adapter. Sources under share-alike or attribution licences are
credited by this table.
{_foreign_rows(sources["foreign"])}
## Training
{facts["tokens"]} tokens ({facts["answer_tokens"]} of them answers), {facts["steps"]} steps of at
most {recipe.batch_tokens} tokens, AdamW, learning rate {recipe.lr:g} with {recipe.warmup:.0%}
warm-up and a cosine to 0, trained at {weights}, base weights in {facts["dtype"]}, softmax over
the first {recipe.head_vocabulary} tokens of the vocabulary and those in the answers (over the whole
of it on {whole}), seed {recipe.seed}.{_penalty(recipe)}{started}

    {facts["command"]}

Norm of the weight change, all modules together: {facts["norm"]:.2f}.

{_dev(progress)}{_change(progress)}{WHAT_QUIET_MEANS if recipe.quiet else ""}
## Prompt form and limits
{_form(recipe)}
{recipe.limits or "It belongs to a small model: check what it says."}
{_FIRST + first if first else ""}"""


def _tag(license_: str) -> str:
    """The licence as model hubs name it."""
    return {_GEMMA: "gemma", "": "other"}.get(license_, license_.lower())


def _license(facts: dict[str, Any]) -> str:
    license_, terms = facts["license"], facts["terms"]
    if license_ == _GEMMA:
        return (
            f"Gemma is provided under and subject to the Gemma Terms of Use\n({terms}); so is this "
            "adapter."
        )
    if license_:
        return f"The base is under {license_}; so is this adapter."
    return "Its licence follows from that of its base."


def _form(recipe: Recipe) -> str:
    form = f"`{recipe.form!r}`" if recipe.form else "the base's chat template"
    return f"The adapter was trained on {form} and answers in that form only."


def earlier(folder: Path) -> str | None:
    """The data and training sections of an adapter's card; None without a card."""
    path = folder / "README.md"
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    found = re.search(r"^## Data$.*?(?=^## (?!Data|Training))", text, re.MULTILINE | re.DOTALL)
    if found is None:
        return None
    before = text.partition(_FIRST)[2]
    return re.sub(r"^## ", "### ", found[0].strip(), flags=re.MULTILINE) + "\n" + before


def _rows(sources: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"| {item['source']} | {item['license']} | {item['rows']} | {item['unique']} |"
        for item in sources
    )


def _foreign_rows(sources: list[dict[str, Any]]) -> str:
    if not sources:
        return ""
    return f"""
Foreign rows, which it was trained to leave as the base has them:

| source | licence | rows | different |
|---|---|---|---|
{_rows(sources)}
"""


def _penalty(recipe: Recipe) -> str:
    quiet = recipe.quiet
    if quiet is None:
        return ""
    often = "each step" if quiet.every == 1 else f"one step in {quiet.every}"
    start = f" {quiet.start:.0%} of it is for the prompts' last tokens." if quiet.start else ""
    keep = (
        f" On own rows counts {quiet.keep:g} times how far it moves from the adapter that the run "
        "goes on from, so that it keeps its task."
        if quiet.keep
        else ""
    )
    return f"""
Quiet training: with {often} comes a batch of foreign rows, and beside the loss counts
{quiet.weight:g} times how far the adapter at weight 1 moves the base's hidden states there, as
‖Δh‖² / ‖h‖², the mean over layers and tokens.{start}{keep}"""


def _dev(progress: TrainingHistory) -> str:
    """The losses on the way; empty where no dev set was named."""
    if not progress.dev:
        return ""
    rows = "".join(f"| {name} | {step} | {loss:.3f} |\n" for step, name, loss in progress.dev)
    return (
        "## Loss per answer token on the dev sets, whole vocabulary\n"
        f"| set | after step | loss |\n|---|---|---|\n{rows}\n"
    )


def _change(progress: TrainingHistory) -> str:
    if not progress.change:
        return ""
    kinds = list(dict.fromkeys(kind for _, kind, _ in progress.change))
    found = [dict[int, Any]() for _ in kinds]
    for step, kind, change_L in progress.change:
        found[kinds.index(kind)][step] = change_L
    columns = [
        (f"{kind} rows, {when}", change_L)
        for kind, by_step in zip(kinds, found, strict=True)
        for when, change_L in (("before", by_step[min(by_step)]), ("after", by_step[max(by_step)]))
    ]
    layers = range(len(columns[0][1]))
    lines = [
        "| layer | " + " | ".join(name for name, _ in columns) + " |",
        "|" + "---|" * (len(columns) + 1),
        *(
            f"| {layer} | " + " | ".join(f"{change_L[layer]:.4f}" for _, change_L in columns) + " |"
            for layer in layers
        ),
        "| mean | " + " | ".join(f"{mean(change_L):.4f}" for _, change_L in columns) + " |",
    ]
    return "\n## How far it moves the hidden states\n" + "\n".join(lines) + "\n"
