"""A table of costs over adapters, prompt, rank and vocabulary, one of them changed at a time."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from transformers import AutoModelForCausalLM, PreTrainedModel

from analysis.common.progress import Progress
from analysis.common.threads.own_thread import in_own_thread
from analysis.models.bases.base_model import load_base
from analysis.models.collection import Collection
from analysis.speed.made_up import make_adapters
from analysis.speed.ours import Ours
from analysis.speed.timing import Ratio, peak_bytes, ratio, take, timed

SMALL_VOCABULARY = 32_768
DECODED_ROWS, DECODED_TOKENS = 4, 4
# As many rounds as the floor fits into these seconds, within limits.
SECONDS, FEWEST_ROUNDS, ROUNDS = 16.0, 3, 7


@dataclass(frozen=True)
class Setting:
    """The sizes of one analysis.

    Attributes:
        adapters: The number of adapters.
        tokens: The number of tokens of the prompt.
        rank: The rank of the adapters.
        small: Whether the base is one of a small vocabulary, made from the same configuration.
    """

    adapters: int = 6
    tokens: int = 64
    rank: int = 16
    small: bool = False


_USUAL = Setting()
AXES: dict[str, tuple[Setting, ...]] = {
    "adapters": tuple(replace(_USUAL, adapters=count) for count in (2, 6, 16, 64)),
    "prompt-tokens": tuple(replace(_USUAL, tokens=count) for count in (16, 64, 256, 1024)),
    "rank": tuple(replace(_USUAL, rank=rank) for rank in (8, 16, 64)),
    "vocabulary": tuple(replace(_USUAL, small=small) for small in (False, True)),
}


@dataclass(frozen=True)
class Cost:
    """The costs of one setting.

    Attributes:
        axis: The size that was varied.
        setting: The setting.
        vocabulary: Of its base.
        rounds: How many were timed.
        seconds: Of the analysis, the median.
        adapter_seconds: Seconds that each adapter adds to the base alone, the median.
        over_usual: What an adapter adds, over what one adds at the usual setting, timed in the same
            rounds: a machine is not equally fast all the time.
        over_floor: The analysis over the work that no exact way can avoid.
        decode_over_base: Tokens per second of fused rows over those of the base; None for another
            prompt, which costs both alike.
        peak_bytes: Memory that the analysis takes in addition to the loaded model.
    """

    axis: str
    setting: Setting
    vocabulary: int
    rounds: int
    seconds: float
    adapter_seconds: float
    over_usual: Ratio
    over_floor: Ratio
    decode_over_base: Ratio | None
    peak_bytes: int


def measure_table(
    collection: Collection, axes: Sequence[str], progress: Progress
) -> Iterator[Cost]:
    """Times the analysis in the settings of some axes.

    Args:
        collection: Its base is used.
        axes: Which of `AXES`.
        progress: Told before each setting.
    """

    def load(report: Progress) -> Ours:
        model, tokenizer = load_base(collection.base, report)
        adapters = make_adapters(model, _USUAL.adapters, _USUAL.rank)
        return Ours(model, tokenizer, adapters, _USUAL.tokens)

    settings = [(axis, setting) for axis in axes for setting in AXES[axis]]
    measured: dict[Setting, Cost] = {}
    usual = in_own_thread(load, progress)
    usual.trace()
    for place, (axis, setting) in enumerate(settings):
        what = f"{setting.adapters} adapters, {setting.tokens} tokens, rank {setting.rank}"
        progress(f"{axis}: {what}", place / len(settings))
        if setting not in measured:
            make = partial(_made, setting, usual)
            measured[setting] = _cost(axis, setting, in_own_thread(make, progress), usual)
        yield replace(measured[setting], axis=axis)


def _small(model: PreTrainedModel) -> PreTrainedModel:
    """A base with random weights and fewer words, otherwise of the same configuration."""
    config = copy.deepcopy(model.config)
    config.get_text_config().vocab_size = SMALL_VOCABULARY
    with model.device:
        made: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=model.dtype)
    made.eval().requires_grad_(False)
    return made


def _made(setting: Setting, usual: Ours, progress: Progress) -> Ours:
    base = _small(usual.model) if setting.small else usual.model
    adapters = make_adapters(base, setting.adapters, setting.rank)
    return Ours(base, usual.tokenizer, adapters, setting.tokens, beside=usual)


def _cost(axis: str, setting: Setting, ours: Ours, usual: Ours) -> Cost:
    ours.base_alone()
    peak = peak_bytes(ours.trace)
    fitting = int(SECONDS / timed(ours.floor)[1])
    rounds = max(FEWEST_ROUNDS, min(fitting, ROUNDS))
    floor, traced, added, usually = [], [], [], []
    for _ in range(rounds):
        floor.append(timed(ours.floor)[1])
        alone, whole = timed(ours.base_alone)[1], timed(ours.trace)[1]
        traced.append(whole)
        added.append((whole - alone) / setting.adapters)
        alone, whole = timed(usual.base_alone)[1], timed(usual.trace)[1]
        usually.append((whole - alone) / _USUAL.adapters)
    return Cost(
        axis=axis,
        setting=setting,
        vocabulary=int(ours.head.weight_VD.shape[0]),
        rounds=rounds,
        seconds=statistics.median(traced),
        adapter_seconds=statistics.median(added),
        over_usual=ratio(added, usually),
        over_floor=ratio(traced, floor),
        decode_over_base=_decode(ours) if setting.tokens == _USUAL.tokens else None,
        peak_bytes=peak,
    )


def _decode(ours: Ours) -> Ratio:
    most = 1 + ROUNDS * DECODED_TOKENS
    base = ours.decode_base(DECODED_ROWS, most)
    fused = ours.decode(DECODED_ROWS, most)
    ours.in_turn(partial(take, base, 1))
    take(fused, 1)
    base_seconds, fused_seconds = [], []
    for _ in range(ROUNDS):
        base_seconds.append(timed(partial(ours.in_turn, partial(take, base, DECODED_TOKENS)))[1])
        fused_seconds.append(timed(partial(take, fused, DECODED_TOKENS))[1])
    return ratio(base_seconds, fused_seconds)
