"""The processes of a launcher, such as `accelerate launch`; alone without one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

# Processes may finish hours apart, and wait for one another at the end.
_PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class Processes:
    """This process among all that share a benchmark.

    Attributes:
        rank: Index of this process; the first writes the result.
        count: Number of processes.
        device: The device that the launcher gave this process; None for the engine's choice.
        state: accelerate's state of several processes.
    """

    rank: int = 0
    count: int = 1
    device: str | None = None
    state: Any = None

    @property
    def first(self) -> bool:
        """Whether this is the process that writes settings and result."""
        return self.rank == 0

    def wait(self) -> None:
        """Waits until all processes are here."""
        if self.state is not None:
            self.state.wait_for_everyone()

    def close(self) -> None:
        """Leaves the group of processes."""
        if self.state is not None:
            self.state.destroy_process_group()


def launched_processes() -> Processes:
    """The processes that a launcher started; this one alone where none did."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Processes()
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)
    device = "cpu" if state.device.type == "cpu" else str(state.device)
    return Processes(state.process_index, state.num_processes, device, state)
