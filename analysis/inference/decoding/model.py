"""What decoding needs of a loaded model."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedModel

from analysis.inference.decoding.advance import Advance
from analysis.inference.head import Head
from analysis.inference.mixing.mixture import Mixture
from analysis.inference.scheduling.admission import Admission
from analysis.inference.scheduling.scheduler import Scheduler
from analysis.inference.vocabulary import Vocabulary


@dataclass(frozen=True)
class DecodingModel:
    """The parts of a loaded model that decoding needs.

    Attributes:
        model: The base model, in evaluation mode.
        vocabulary: The tokenizer of the base, behind a lock of its own.
        head: The model's head.
        mixture: The adapters.
        ends: Tokens that end an answer.
        scheduler: Runs the model; it is free while tokens become text.
        advance: Runs the steps of all decodings together.
        admission: Lets decodings begin as their keys and values fit into memory.
        piece_tokens: Tokens of a piece of a prompt, all rows together; None where the model runs
            prompts in one piece only.
    """

    model: PreTrainedModel
    vocabulary: Vocabulary
    head: Head
    mixture: Mixture
    ends: frozenset[int]
    scheduler: Scheduler
    advance: Advance
    admission: Admission
    piece_tokens: int | None
