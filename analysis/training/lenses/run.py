"""`fit-lens` and `check-lens`, from their arguments to the fitted file and to the check."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from analysis.common.limits import Limits
from analysis.inference.passes.layer_states import find_blocks
from analysis.inference.vocabulary import Vocabulary
from analysis.measure.baseline import neutral_queries
from analysis.measure.lenses import bind_lens
from analysis.measure.lenses.jacobian import LENS, MATRICES
from analysis.models.bases.base_model import load_base
from analysis.models.bases.identity import base_digest
from analysis.models.collection import Collection
from analysis.models.fitted import FittedFiles, origin_of, write_fitted
from analysis.models.manifest import load_collection
from analysis.training.lenses.controls import LensCheck, check, controls_of
from analysis.training.lenses.fit import FitSettings, fit_jacobians
from analysis.training.lenses.windows import OWN, OWN_DATA, Text, read_texts, windows


def fit_lens(
    collection: Collection | str,
    settings: FitSettings,
    *,
    texts: Sequence[str],
    note: str | None,
    dtype: str,
    device: str | None,
    out: Path | None,
    work: Path | None,
    log: Callable[[str], None],
) -> dict[str, Any]:
    """Fits the Jacobian lens to the base of a collection and writes its file.

    Args:
        collection: The collection, or a bundled collection's name or the path of a manifest.
        settings: How the matrices are estimated; its seed is also that of the texts.
        texts: See `read_texts`.
        note: What the texts are, with their licences; by default what they say of themselves.
        dtype: Of the base.
        device: Of the base.
        out: The fitted file; in the collection's folder by default.
        work: The checkpoint; beside the fitted file by default.
        log: Takes a line of progress.

    Raises:
        InputError: The collection, a text or a setting cannot be used.
    """
    if isinstance(collection, str):
        collection = load_collection(collection)
    out = out or collection.folder / LENS.fitted
    work = work or out.with_suffix(".work")
    read = read_texts(texts, settings.seed)
    log("loading the base model")
    model, tokenizer = load_base(collection.base, dtype=dtype, device=device)
    began = time.monotonic()
    jacobians_LDD, sums = fit_jacobians(
        model,
        windows(tokenizer, read, collection.prompt, settings.tokens, settings.seed),
        settings,
        base_digest(collection.base),
        work,
        log,
    )
    given = {
        # Without folders of this machine.
        "--text": " ".join(
            name if not Path(name).is_absolute() else Path(name).name for name in texts
        ),
        "--prompts": sums.prompts,
        "--tokens": settings.tokens,
        "--rows": settings.rows,
        "--seed": settings.seed,
        "--dtype": dtype,
    }
    words = " ".join(f"{option} {value}" for option, value in given.items() if value)
    data = f"{note or _data(texts, read)}; {sums.prompts} windows of {settings.tokens} tokens"
    command = f"python -m analysis fit-lens {LENS.name} --collection {collection.name} {words}"
    write_fitted(
        out,
        {MATRICES: jacobians_LDD.to(torch.float16)},
        origin_of(command, data, collection.base),
    )
    return {
        "out": str(out),
        "prompts": sums.prompts,
        "prompts_of_a_row": int(sums.count_D.min()),
        "seconds": time.monotonic() - began,
        "data": data,
        "command": command,
    }


def _data(names: Sequence[str], texts: Sequence[Text]) -> str:
    """What the texts say of themselves."""
    parts = [OWN_DATA] if OWN in names else []
    files = {Path(name).name for name in names if name != OWN}
    parts += [
        f"{text.name}: {text.license or 'licence not stated'}"
        for text in texts
        if text.name in files
    ]
    return "; ".join(parts)


def check_fitted_lens(
    collection: Collection | str,
    *,
    texts: Sequence[str],
    windows_of_text: int,
    tokens: int,
    seed: int,
    dtype: str,
    device: str | None,
    log: Callable[[str], None],
) -> tuple[LensCheck, str]:
    """Checks the Jacobian lens of a collection against other lenses and its controls.

    The ranks are read at four places of each window. The saturation is read at the last tokens of
    the bundled neutral queries and of their prompts.

    Args:
        collection: The collection, or a bundled collection's name or the path of a manifest.
        texts: See `read_texts`; others than the lens was fitted on.
        windows_of_text: Number of windows.
        tokens: Tokens of a window.
        seed: Of the texts and the controls.
        dtype: Of the base.
        device: Of the base.
        log: Takes a line of progress.

    Returns:
        The check, and what the texts say of themselves.

    Raises:
        InputError: The collection, its fitted file or a text cannot be used.
    """
    if isinstance(collection, str):
        collection = load_collection(collection)
    files = FittedFiles(collection.folder, collection.base)
    bound = {name: bind_lens(name, files.read) for name in ("norm", "raw", LENS.name)}
    read = read_texts(texts, seed)
    log("loading the base model")
    model, tokenizer = load_base(collection.base, dtype=dtype, device=device)
    vocabulary = Vocabulary(tokenizer)
    prompts = [
        vocabulary.prompt(collection.prompt, query, plain=False, most_tokens=Limits().prompt_tokens)
        for query in neutral_queries()
    ]
    found = check(
        model,
        find_blocks(model, model.config.get_text_config().num_hidden_layers),
        list(islice(windows(tokenizer, read, collection.prompt, tokens, seed), windows_of_text)),
        [tokens * part // 4 - 1 for part in (1, 2, 3, 4)],
        [(prompt.ids, sorted({prompt.query_last, prompt.last})) for prompt in prompts],
        bound,
        controls_of(bound[LENS.name], seed),
        log,
    )
    return found, _data(texts, read)
