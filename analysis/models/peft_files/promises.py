"""A configuration's promises against its tensors: which modules, which patterns, which base."""

from __future__ import annotations

from collections.abc import Mapping

from transformers import PreTrainedModel

from analysis.models.bases.layer_names import layer_number
from analysis.models.peft_files.base_names import layer_linears
from analysis.models.peft_files.contents import Contents
from analysis.models.peft_files.faults import listed, refusal, short
from analysis.models.peft_files.origin import base_remark
from analysis.models.peft_files.patterns import Targets


def promise_remarks(
    contents: Contents, names: Mapping[str, str], model: PreTrainedModel
) -> list[str]:
    """Sentences on what the configuration promises and the tensors do not hold.

    Args:
        contents: The adapter's contents.
        names: Name in the base of each of its modules.
        model: The base.

    Raises:
        InputError: The configuration leaves out modules that have tensors, as PEFT then does, or
            names whole modules that were not saved.
    """
    settings = contents.settings
    remarks = []
    renamed = [name for name, own in names.items() if name != own]
    if renamed:
        first = min(renamed)
        remarks.append(
            f"{len(renamed)} modules were renamed to the base's, such as {short(first)[1:-1]} to "
            f"{names[first]}."
        )
    if settings.targets is not None:
        targets = Targets(contents.patterns, settings)
        if strange := [name for name in names if name not in targets]:
            raise refusal(
                contents.adapter,
                "its configuration names other modules than its tensors (for example "
                f"{short(min(strange))[1:-1]}): save it again with PEFT's save_pretrained.",
            )
        remarks += _lacking(contents, names, model, targets)
    remarks += [f"{unused} matches no module of it." for unused in contents.unused]
    whole = list(contents.whole.values())
    if whole:
        remarks.append(f"Saved along and left out, as they equal the base's: {listed(whole)}.")
    for saved in settings.saved_modules:
        if not any(f".{saved}." in f".{name}" for name in whole):
            raise refusal(
                contents.adapter,
                f"modules_to_save names {short(saved)}, which its file does not hold: save it "
                "again, or leave modules_to_save out if that was not trained.",
            )
    remark = base_remark(settings.base, str(model.config.name_or_path or ""))
    return remarks + ([remark] if remark else [])


def _lacking(
    contents: Contents, names: Mapping[str, str], model: PreTrainedModel, targets: Targets
) -> list[str]:
    """Which modules of the base the configuration names, and have no tensors."""
    present = set(names.values())
    absent: dict[str, list[int]] = {}
    used = {targets.entry_of(name) for name in names}
    for name in layer_linears(model):
        if name not in present and (entry := targets.entry_of(name)) is not None:
            used.add(entry)
            number = layer_number(name)
            assert number is not None
            absent.setdefault(name.rpartition(".")[2], []).append(number)
    remarks = []
    for linear, layers in absent.items():
        numbers = ", ".join(map(str, sorted(set(layers))[:8]))
        more = "…" if len(set(layers)) > 8 else ""
        remarks.append(
            f"Its configuration names {linear} in layers {numbers}{more}, for which it has no "
            "tensors: they stay as the base's."
        )
    given = contents.settings.targets
    if isinstance(given, tuple):
        remarks += [
            f"target_modules names {short(entry)}, which matches no module of it."
            for entry in sorted(set(given) - {one for one in used if one is not None})
        ]
    return remarks
