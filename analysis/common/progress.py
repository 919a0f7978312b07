"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with the name of the work and the share that is done, 0 to 1.

An exception that it raises stops the work, which leaves nothing behind.
"""
