"""Inspection of an adapter: its modules, its strength, its origin and its faults."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from transformers import PreTrainedModel

from analysis.common.digests import file_digest
from analysis.common.errors import InputError
from analysis.models.adapter_files import adapter_folder
from analysis.models.adapters import Adapter, check_files, load_adapter
from analysis.models.bases.layer_names import layer_number
from analysis.models.collection import AdapterEntry
from analysis.models.factors import Factor
from analysis.models.own_collection import content_digest
from analysis.models.peft_files.base_names import layer_linears
from analysis.models.peft_files.contents import Contents
from analysis.models.peft_files.folder import own_files
from analysis.models.peft_files.origin import base_relation
from analysis.models.peft_files.reading import read_alone

_LICENSE = re.compile(r"^license:\s*[\"']?([^\"'\n]{1,80})", re.MULTILINE)
_CARD_BYTES = 64_000
_TOKENIZER = ("tokenizer.json", "tokenizer.model", "added_tokens.json")
_TEMPLATE = ("chat_template.jinja", "chat_template.json")
Table = tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Neighbour:
    """Another adapter of the base, to compare with.

    Attributes:
        name: Its name.
        norm: Its `‖ΔW‖`.
        layers: Its `‖ΔW‖` in each layer.
        times: How many times as strong the inspected adapter is; None beside one that is 0.
    """

    name: str
    norm: float
    layers: tuple[float, ...]
    times: float | None


@dataclass(frozen=True)
class Inspection:
    """The facts about an adapter.

    Attributes:
        name: Its name.
        refused: Why it cannot be mixed, with the remedy; empty if it can.
        remarks: Sentences on what people should know.
        kind: `LoRA`, `rsLoRA`, `DoRA`; empty where its configuration cannot be read.
        ranks: The ranks of its modules, ascending.
        alpha: Its alpha, where no pattern says another; None where it is not known.
        scalings: The factors of B A, ascending.
        targets: Its `target_modules`, as written.
        linears: Names of linears that it covers.
        norms: `‖ΔW‖` by linear and layer; None where it has no tensors.
        layers: `‖ΔW‖` in each layer.
        norm: `‖ΔW‖` of all; None where it cannot be computed without the base.
        effective_rank: Mean over modules of the effective rank; None where not computed.
        neighbours: The other adapters of the base.
        trained_on: The base that it was trained on; empty where it does not say.
        relation: Whether that is this base: `same`, `quantised`, `other` or `unknown`.
        license: Its licence; empty where it does not say.
        brings: Files that it brings and that are not used, such as a tokenizer.
        sha256: Digest of its weights; empty without.
        digest: Digest of weights and configuration, by which it is known; empty without.
        bytes: Size of its weights.
    """

    name: str
    refused: str = ""
    remarks: tuple[str, ...] = ()
    kind: str = ""
    ranks: tuple[int, ...] = ()
    alpha: float | None = None
    scalings: tuple[float, ...] = ()
    targets: str = ""
    linears: tuple[str, ...] = ()
    norms: Table = ()
    layers: tuple[float, ...] = ()
    norm: float | None = None
    effective_rank: float | None = None
    neighbours: tuple[Neighbour, ...] = ()
    trained_on: str = ""
    relation: str = "unknown"
    license: str = ""
    brings: tuple[str, ...] = ()
    sha256: str = ""
    digest: str = ""
    bytes: int = 0


def inspect_adapter(
    entry: AdapterEntry,
    model: PreTrainedModel | None = None,
    base: str = "",
    others: Sequence[Adapter] = (),
) -> Inspection:
    """Inspects an adapter; none of its code runs, and nothing is changed.

    Args:
        entry: The adapter.
        model: The base; without it the tensors alone tell.
        base: Name of the base.
        others: Adapters of the base to compare with.
    """
    found = _files(entry)
    try:
        contents = check_files(entry)
    except InputError as error:
        return _with(found, refused=str(error))
    # Only now: a file that is refused may be too large to read to its end.
    digests = {"sha256": file_digest(contents.path), "digest": content_digest(entry)}
    size = contents.path.stat().st_size
    found = _with(found, **_facts(contents, base), **digests, bytes=size)
    try:
        if model is None:
            factors: Mapping[str, Factor] = read_alone(contents)
            remarks: tuple[str, ...] = ()
        else:
            adapter = load_adapter(model, entry)
            factors, remarks = adapter.factors, adapter.remarks
    except InputError as error:
        return _with(found, refused=str(error))
    names = tuple(layer_linears(model)) if model is not None else tuple(contents.modules)
    return inspection_of(_with(found, remarks=remarks), factors, names, others)


def inspection_of(
    found: Inspection,
    factors: Mapping[str, Factor],
    modules: Sequence[str],
    others: Sequence[Adapter] = (),
) -> Inspection:
    """An inspection with what follows from A and B.

    Args:
        found: What is known of the files.
        factors: A and B by name of the module; empty where they cannot be read without the base.
        modules: Names of the linears of the base's layers, or of the adapter's modules alone.
        others: Adapters to compare with.
    """
    numbers = [layer_number(name) for name in (*modules, *factors)]
    count = 1 + max((one for one in numbers if one is not None), default=-1)
    norms = {name: factor.norm() for name, factor in factors.items()}
    linears = tuple(dict.fromkeys(_linear(name) for name in modules))
    rows: list[list[float | None]] = [[None] * count for _ in linears]
    for name, norm in norms.items():
        number = layer_number(name)
        if number is not None and _linear(name) in linears:
            rows[linears.index(_linear(name))][number] = norm
    layers = layer_norms(norms, count)
    total = math.hypot(*norms.values()) if norms else None
    neighbours = []
    for other in others:
        own = {name: factor.norm() for name, factor in other.factors.items()}
        size = math.hypot(*own.values())
        times = None if not size or total is None else total / size
        neighbours.append(Neighbour(other.name, size, layer_norms(own, count), times))
    ranks = [effective_rank(one) for one in factors.values() if one.rows is None and one.moves()]
    return _with(
        found,
        linears=linears,
        norms=tuple(map(tuple, rows)),
        layers=layers if norms else (),
        norm=total,
        effective_rank=sum(ranks) / len(ranks) if ranks else None,
        neighbours=tuple(neighbours),
    )


def layer_norms(norms: Mapping[str, float], layers: int) -> tuple[float, ...]:
    """`‖ΔW‖` in each layer, from that of each module."""
    squares = [0.0] * layers
    for name, norm in norms.items():
        number = layer_number(name)
        if number is not None and number < layers:
            squares[number] += norm**2
    return tuple(math.sqrt(one) for one in squares)


def effective_rank(factor: Factor) -> float:
    """The effective rank of `B A`: `exp(H(p))` with `p = σ / Σσ` (Roy and Vetterli, 2007).

    It is the number of singular values where they are all the same, and near 1 where one of them
    is all that matters. The singular values of `B A` are those of `R_B R_Aᵀ`.
    """
    r_a = torch.linalg.qr(factor.a_rI.double().T, mode="r").R
    r_b = torch.linalg.qr(factor.b_Or.double(), mode="r").R
    sigma = torch.linalg.svdvals(r_b @ r_a.T)
    share = sigma[sigma > 0] / sigma.sum()
    return float(torch.exp(-(share * share.log()).sum()))


def _files(entry: AdapterEntry) -> Inspection:
    """The facts in the folder, whether or not the adapter can be read."""
    folder = adapter_folder(entry.folder)
    names = own_files(entry.folder)
    brings = [name for name in names if name in (*_TOKENIZER, *_TEMPLATE)]
    license_ = entry.license
    card = folder / "README.md"
    if not license_ and "README.md" in names:
        with card.open("rb") as file:
            text = file.read(_CARD_BYTES).decode("utf-8", "replace")
        match = _LICENSE.search(text.split("\n---", 1)[0]) if text.startswith("---") else None
        license_ = match.group(1).strip() if match else ""
    return Inspection(entry.name, license=license_, brings=tuple(brings))


def _facts(contents: Contents, base: str) -> dict[str, object]:
    settings = contents.settings
    kind = "DoRA" if settings.dora else "LoRA"
    kind = f"{kind} scaled by α/√r" if settings.rslora else kind
    targets = settings.targets
    return {
        "kind": kind,
        "ranks": tuple(sorted({one.rank for one in contents.modules.values()})),
        "alpha": settings.alpha,
        "scalings": tuple(sorted({one.scaling for one in contents.modules.values()})),
        "targets": targets if isinstance(targets, str) else ", ".join((targets or ())[:20]),
        "trained_on": settings.base,
        "relation": base_relation(settings.base, base),
    }


def _linear(name: str) -> str:
    """The linear's name within its layer, such as `self_attn.q_proj`."""
    parts = name.split(".")
    for index, part in enumerate(parts):
        if part.isdecimal():
            return ".".join(parts[index + 1 :])
    return name


def _with(found: Inspection, **changes: object) -> Inspection:
    return replace(found, **changes)  # type: ignore[arg-type]
