"""Whether methods can run: finds out what each needs, and computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from analysis.common.errors import InputError
from analysis.methods import Unavailable, named

if TYPE_CHECKING:
    from analysis.measure.context import Context

_FREE = ("adapters", "layers", "fitted", "kind")
"""The parts of an engine, and of its facts, that cost nothing."""


class _NeedsComputation(Exception):
    """A method asked for a fact that has to be computed."""


class _WithoutComputation:
    """An object whose costly parts raise `_NeedsComputation`.

    Args:
        whole: The object.
    """

    def __init__(self, whole: object) -> None:
        self._whole = whole

    def __getattr__(self, name: str) -> Any:
        if name == "facts":
            return _WithoutComputation(self._whole.facts)  # type: ignore[attr-defined]
        if name not in _FREE:
            raise _NeedsComputation(name)
        return getattr(self._whole, name)


def unavailable(names: Sequence[str], context: Context) -> dict[str, Unavailable]:
    """The methods among these that need something that is not there, each with the reason.

    A method that asks for a computed fact has found what it needs: `Unavailable` comes first.

    Args:
        names: The methods' names.
        context: The context of a prompt; only its adapters and their files matter.

    Raises:
        InputError: There is no such method or adapter.
    """
    free = replace(context, engine=cast("Any", _WithoutComputation(context.engine)), trace=None)
    reasons: dict[str, Unavailable] = {}
    for name, (method, adapter) in zip(names, named(names, context.available), strict=True):
        try:
            method.policy(free, adapter)
        except InputError as reason:  # also of a file that was made for other adapters
            reasons[name] = Unavailable(str(reason))
        except _NeedsComputation:
            continue
    return reasons
