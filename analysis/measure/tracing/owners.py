"""Owners: visitors whose results are kept for themselves, and forgotten once they have gone."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Hashable
from functools import partial

from analysis.common.cache import ByteCache
from analysis.common.limits import Owner
from analysis.inference.prompt import Prompt


class Owners:
    """The owners of kept results.

    Args:
        kept: The results; the first part of a key of an owner's is a prompt with the owner's name.
    """

    def __init__(self, kept: ByteCache) -> None:
        self._kept = kept
        self._here: set[str] = set()
        self._lock = threading.Lock()
        self._gone: deque[str] = deque()
        # A read may end after its owner has gone.
        kept.refuses = partial(_is_of_nobody, self._here)

    def add(self, owner: Owner) -> None:
        """Sees to it that what is kept for an owner is forgotten once it has gone."""
        with self._lock:
            if owner.name not in self._here:
                self._here.add(owner.name)
                # Collected at any allocation, where locks may be held: forgotten later.
                end = weakref.finalize(owner, _leave, self._here, self._gone, owner.name)
                end.atexit = False
        self.forget_gone()

    def forget_gone(self) -> None:
        """Forgets what was kept for owners who have gone."""
        with self._lock:
            gone = {self._gone.popleft() for _ in range(len(self._gone))}
        if gone:
            self._kept.drop(partial(_is_of, gone))


def _leave(here: set[str], gone: deque[str], name: str) -> None:
    # In this order: whatever is kept until the first line is forgotten after the second.
    here.discard(name)
    gone.append(name)


def _is_of(owners: set[str], key: Hashable) -> bool:
    """Whether a key is of results that are kept for some owners alone."""
    return _owner(key) in owners


def _is_of_nobody(here: set[str], key: Hashable) -> bool:
    """Whether a key is of results for an owner who is not here."""
    owner = _owner(key)
    return bool(owner) and owner not in here


def _owner(key: Hashable) -> str:
    """For whom alone the results of a key are kept; empty for everybody."""
    prompt = key[0] if isinstance(key, tuple) and key else None
    return prompt.owner if isinstance(prompt, Prompt) else ""
