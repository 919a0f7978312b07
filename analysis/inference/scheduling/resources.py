"""What the engines of a process share, so that many of them take no more than one."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from analysis.common.cache import ByteCache
from analysis.common.limits import Limits
from analysis.inference.scheduling.admission import Admission, Places
from analysis.inference.scheduling.scheduler import Scheduler
from analysis.models.bases.devices import free_bytes

# Keys and values of answers may take one part in so many of the memory that is free at load.
_CACHE_PART = 4
# The most requests that read layers at a time: for the largest vocabularies each holds 150 MB.
_READERS = 2


@dataclass(frozen=True)
class Resources:
    """The time and the memory that engines share, whatever their bases and adapters are.

    Attributes:
        scheduler: Runs the models, one piece or step at a time.
        admission: Lets answers begin as their keys and values fit into memory.
        readers: Places of those who read layers.
        kept: Of its bytes each engine's results take a part.
        kept_answers: Of its bytes each engine's answers take a part.
    """

    scheduler: Scheduler
    admission: Admission
    readers: Places
    kept: ByteCache
    kept_answers: ByteCache

    @classmethod
    def of(cls, limits: Limits, device: torch.device) -> Resources:
        """Those of a process's first engine.

        Args:
            limits: The caps; only those of bytes matter here.
            device: Where the models lie.
        """
        scheduler = Scheduler()
        admission = Admission(
            limits.cache_bytes or free_bytes(device) // _CACHE_PART, lambda: scheduler.rested
        )
        kept, kept_answers = ByteCache(limits.kept_bytes), ByteCache(limits.answer_bytes)
        return cls(scheduler, admission, Places(_READERS), kept, kept_answers)
