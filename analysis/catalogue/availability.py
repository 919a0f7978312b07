"""Whether methods can run: a look at what each needs, which computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from analysis.common.errors import InputError
from analysis.methods import Unavailable, named

if TYPE_CHECKING:
    from analysis.measure.context import Context

_LOOKED_UP = ("adapters", "layers", "fitted", "kind")
"""The parts of an engine, and of its facts, that cost nothing."""


class _Computes(Exception):
    """A method asked for a fact that has to be computed."""


class _Looking:
    """An object whose costly parts raise `_Computes`.

    Args:
        looked_at: The object.
    """

    def __init__(self, looked_at: object) -> None:
        self._looked_at = looked_at

    def __getattr__(self, name: str) -> Any:
        if name == "facts":
            return _Looking(self._looked_at.facts)  # type: ignore[attr-defined]
        if name not in _LOOKED_UP:
            raise _Computes(name)
        return getattr(self._looked_at, name)


def unavailable(names: Sequence[str], context: Context) -> dict[str, Unavailable]:
    """The methods among these that need something that is not there, each with the reason.

    A method that asks for a computed fact has found what it needs: `Unavailable` comes first.

    Args:
        names: The methods' names.
        context: The context of a prompt; only its adapters and their files matter.

    Raises:
        InputError: There is no such method or adapter.
    """
    looking = replace(context, engine=cast("Any", _Looking(context.engine)), trace=None)
    reasons: dict[str, Unavailable] = {}
    for name, (method, adapter) in zip(names, named(names, context.available), strict=True):
        try:
            method.policy(looking, adapter)
        except InputError as reason:  # also of a file that was made for other adapters
            reasons[name] = Unavailable(str(reason))
        except _Computes:
            continue
    return reasons
