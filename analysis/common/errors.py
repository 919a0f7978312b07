"""The errors that are a user's to solve: what was given, and a full disk."""

from __future__ import annotations

import errno
from collections.abc import Sequence


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message names the bad value and the remedy in one line: the command line prints it as it
    is and exits with 2, the page shows it as it is. Everything else is a fault of ours.
    """

    @property
    def message(self) -> str:
        """The message; what was made with `say` can still be said, unlike `str` of the error."""
        return str(self) if not self.args or not isinstance(self.args[0], str) else self.args[0]


class InputErrors(InputError):
    """Several mistakes that are mended together, such as lines of one file.

    The command line prints each in a line of its own.

    Attributes:
        messages: One message for each, as of an `InputError`.
    """

    def __init__(self, messages: Sequence[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = tuple(messages)


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk, or the user's share of it, is full.

    safetensors and tokenizers write from Rust and raise errors without an errno.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return f"os error {errno.ENOSPC}" in str(error)


def full_disk(error: BaseException) -> str:
    """What a user is told of a full disk.

    Args:
        error: One that `is_full`.
    """
    name = error.filename if isinstance(error, OSError) else None
    where = f" of {name}" if name else ""
    return f"The disk{where} is full ({error}): free some space, then try again."
