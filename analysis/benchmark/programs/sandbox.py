"""Runs generated functions against their tests, in a process that may do little.

The process (`sandboxed.py`) runs in isolated mode without site packages, in an empty temporary
folder, with limits on CPU time, memory, file size and open files, and ends when its wall-clock time
is over. It refuses sockets, other processes, and files outside its folder (the standard library
may be read).

This keeps the mistakes of a model from harm. It is no wall against an attack: the refusals live in
the same Python process as the code, the user's rights are not reduced, and macOS does not enforce
the limit on memory. Run models that you do not trust in a container.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from analysis.benchmark.tasks import Item
from analysis.common.errors import InputError

_INSIDE = Path(__file__).with_name("sandboxed.py")


@dataclass(frozen=True)
class SandboxLimits:
    """The limits of one run.

    Attributes:
        cpu_seconds: CPU time, a whole number.
        wall_seconds: Wall-clock time.
        memory_bytes: Address space.
        file_bytes: Size of each file.
        open_files: Files that are open at a time.
    """

    cpu_seconds: int = 2
    wall_seconds: float = 10.0
    memory_bytes: int = 512_000_000
    file_bytes: int = 1_000_000
    open_files: int = 32


def check_sandbox() -> None:
    """Refuses systems whose processes cannot be limited.

    Raises:
        InputError: The system is not POSIX.
    """
    if os.name != "posix":
        raise InputError(
            "Generated functions run under POSIX limits, which this system lacks: leave tasks of "
            "type function out, or use Linux or macOS."
        )


def run_tests(program: str, item: Item, limits: SandboxLimits | None = None) -> str:
    """Runs a program, then an item's tests.

    Args:
        program: Code that defines the item's function.
        item: The item.
        limits: The limits of the run.

    Returns:
        `passed`, the name of the exception that ended the run, `time`, `memory`, or `crash`.
    """
    limits = limits or SandboxLimits()
    token = secrets.token_hex(16)
    request = {
        "program": program,
        "test": item.test,
        "entry_point": item.entry_point,
        "token": token,
        **asdict(limits),
    }
    with tempfile.TemporaryDirectory(prefix="fusion-lens-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(_INSIDE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"LC_ALL": "C.UTF-8", "HOME": folder, "TMPDIR": folder},
            start_new_session=True,
        )
        try:
            written, _ = process.communicate(json.dumps(request).encode(), limits.wall_seconds)
        except subprocess.TimeoutExpired:
            return "time"
        finally:
            # A process that was waited for has given its id away; this one has not.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(BrokenPipeError), process:
                pass  # closes the pipes and waits
    if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return "time"
    told, _, outcome = written.decode("utf-8", "replace").partition(" ")
    return outcome if told == token and outcome else "crash"
