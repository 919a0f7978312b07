"""The process of a sandbox: limits itself, runs a program and its tests, and tells the outcome.

Runs as a script, without this project on its path: it imports the standard library alone.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

# Beginnings of the names of audit events.
_REFUSED = (
    "socket.", "subprocess.", "ctypes.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn",
    "os.system", "os.kill", "os.link", "os.symlink", "os.chown", "os.chroot", "os.setxattr",
    "pty.", "signal.pthread_kill", "syslog.",
    "sys._current_frames", "sys._current_exceptions", "gc.get_objects", "gc.get_referrers",
    "ftplib.", "urllib.", "http.", "webbrowser.",
)  # fmt: skip
_REFUSED_MODULES = ("ctypes", "_ctypes", "_posixsubprocess", "multiprocessing", "_multiprocessing")
_READS = ("os.listdir", "os.scandir", "os.chdir", "glob.")
_CHANGES = (
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.utime", "os.chmod",
    "os.chflags", "os.mkfifo", "os.mknod", "shutil.", "tempfile.",
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")


def main() -> None:
    """Runs the program that standard input holds."""
    request = json.loads(sys.stdin.buffer.read())
    # The program runs in a thread of its own, from whose frames this one's token cannot be reached.
    token, write = request.pop("token"), os.write
    told = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    _limit(request)
    sys.addaudithook(_guard(str(Path.cwd().resolve()), str(Path(os.__file__).resolve().parent)))
    outcomes: list[str] = []
    thread = threading.Thread(target=lambda: outcomes.append(_outcome(request)))
    thread.start()
    thread.join()
    write(told, f"{token} {outcomes[-1]}".encode())
    # Neither exit handlers nor threads of the program run on.
    os._exit(0)


def _limit(request: dict[str, Any]) -> None:
    import resource

    for which, most in (
        (resource.RLIMIT_AS, request["memory_bytes"]),
        (resource.RLIMIT_FSIZE, request["file_bytes"]),
        (resource.RLIMIT_NOFILE, request["open_files"]),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # a system without this limit
            resource.setrlimit(which, (most, most))
    cpu = request["cpu_seconds"]
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))


def _guard(folder: str, library: str) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook, which stays for the life of the process.

    Args:
        folder: The program's own folder.
        library: The standard library, which may be read.
    """
    # Kept here, because a program may change the modules.
    real_path, fs_path, join = os.path.realpath, os.fsdecode, os.path.join

    def within(path: Any, *roots: str) -> bool:
        if path is None or isinstance(path, int):
            return True  # the current folder, or a file that is open already
        whole = real_path(join(folder, fs_path(path)))
        return whole in _DEVICES or any(
            whole == root or whole.startswith(root + "/") for root in roots
        )

    def check(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & _WRITING
            allowed = within(path, folder) if writes else within(path, folder, library)
        elif event == "import":
            allowed = arguments[0] not in _REFUSED_MODULES
        elif event.startswith(_REFUSED):
            allowed = False
        elif event.startswith(_READS):
            allowed = within(arguments[0], folder, library)
        elif event.startswith(_CHANGES):
            paths = [one for one in arguments if isinstance(one, (str, bytes, os.PathLike))]
            allowed = all(within(path, folder) for path in paths)
        else:
            return
        if not allowed:
            raise PermissionError(f"{event} is refused")

    return check


def _outcome(request: dict[str, Any]) -> str:
    names: dict[str, Any] = {"__name__": "program"}
    try:
        exec(compile(request["program"], "program", "exec"), names)
        exec(compile(request["test"], "test", "exec"), names)
        if callable(names.get("check")) and "def check(" in request["test"]:
            names["check"](names[request["entry_point"]])
    except MemoryError:
        return "memory"
    except BaseException as error:  # SystemExit as well: tests must run to their end
        name = type(error).__name__
        return "Exception" if name == "passed" else name
    return "passed"


if __name__ == "__main__":
    main()
