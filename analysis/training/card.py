"""The model card that goes with an adapter."""

from typing import Any

from analysis.training.loop import Progress
from analysis.training.recipe import Recipe

TERMS = "https://ai.google.dev/gemma/terms"


def card(
    recipe: Recipe,
    base_name: str,
    sources: list[dict[str, Any]],
    facts: dict[str, Any],
    progress: Progress,
) -> str:
    """A README for the adapter's folder: purpose, sources, recipe, results on the way, limits."""
    rows = "\n".join(
        f"| {item['source']} | {item['license']} | {item['rows']} | {item['unique']} |"
        for item in sources
    )
    dev = "\n".join(f"| {name} | {step} | {loss:.3f} |" for step, name, loss in progress.dev)
    low, high = recipe.weight_range
    weights = f"a weight drawn from {low}-{high} for each batch" if low < high else f"weight {low}"
    every = recipe.whole_head_every
    whole = "every batch" if every == 1 else f"one batch in {every}"
    started = " It went on from an earlier run (FIRST below)." if facts["started"] else ""
    return f"""---
base_model: {base_name}
library_name: peft
license: gemma
---
# {recipe.name}

{recipe.purpose or "A LoRA adapter."}

A LoRA adapter for {base_name}, rank {recipe.rank}, alpha {recipe.alpha}, on
{", ".join(recipe.modules)}. Gemma is provided under and subject to the Gemma Terms of Use
({TERMS}); so is this adapter.

## Data
Rows drawn, and how many of them were different:

| source | licence | rows | different |
|---|---|---|---|
{rows}

No rows are shipped with the adapter. Sources under share-alike or attribution licences are
credited by this table.

## Training
{facts["tokens"]} tokens ({facts["answer_tokens"]} of them answers), {facts["steps"]} steps of at
most {recipe.batch_tokens} tokens, AdamW, learning rate {recipe.lr:g} with {recipe.warmup:.0%}
warm-up and a cosine to 0, trained at {weights}, base weights in {facts["dtype"]}, softmax over
the first {recipe.head_vocabulary} tokens of the vocabulary and those in the answers (over the whole
of it on {whole}), seed {recipe.seed}.{started}

    {facts["command"]}

Norm of the weight change, all modules together: {facts["norm"]:.2f}.

## Loss per answer token on the dev sets, whole vocabulary
| set | after step | loss |
|---|---|---|
{dev}

## Prompt form and limits
The adapter was trained on `{recipe.form!r}` and answers in that form only.
{recipe.limits or "It belongs to a small model: check what it says."}
"""
