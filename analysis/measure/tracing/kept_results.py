"""Results that are kept for later requests: traces, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable

from analysis.common.cache import ByteCache
from analysis.common.sizes import size_of
from analysis.inference.prompt import Prompt
from analysis.measure.every_token import EveryToken
from analysis.measure.trace import Trace


class KeptResults:
    """Finds results that are kept, also as parts of those with more adapters.

    Args:
        kept: Keeps the results.
    """

    def __init__(self, kept: ByteCache) -> None:
        self._kept = kept

    @property
    def kept(self) -> ByteCache:
        """The results that are kept."""
        return self._kept

    def kept_trace(self, prompt: Prompt, adapters: tuple[str, ...]) -> Trace | None:
        """The trace of a prompt, or None where it is not kept (any more); runs nothing.

        It may be a part of a kept trace that has more adapters.
        """
        trace: Trace | None = self._kept.get((prompt, adapters))
        if trace is None and (wider := self._wider(prompt, adapters)):
            trace = self._kept.get((prompt, wider))
            return trace and trace.among(adapters)
        return trace

    def _wider(self, prompt: Prompt, adapters: tuple[str, ...]) -> tuple[str, ...]:
        """The adapters of the widest trace of a prompt, where they include more than some."""
        widest: tuple[str, ...] = self._kept.get((prompt, "widest")) or ()
        return widest if set(adapters) < set(widest) else ()

    def _keep_trace(self, trace: Trace) -> None:
        """Keeps a trace, of whose adapters any can be read again."""
        self._keep((trace.prompt, trace.adapters), trace)
        self._keep_widest(
            (trace.prompt, "widest"),
            trace.adapters,
            lambda widest: self._kept.get((trace.prompt, widest)),
        )

    def _keep_widest(
        self,
        key: tuple[object, ...],
        adapters: tuple[str, ...],
        kept: Callable[[tuple[str, ...]], object | None],
    ) -> None:
        """Notes whose value serves the most sets of adapters: the new one, or the one before.

        Args:
            key: Where the adapters of the widest value are kept.
            adapters: Those of a new value.
            kept: From adapters to their value, None where it is gone.
        """
        widest: tuple[str, ...] = self._kept.get(key) or ()
        if len(adapters) > len(widest) or kept(widest) is None:
            self._keep(key, adapters)

    def kept_every_token(
        self, prompt: Prompt, adapters: tuple[str, ...], lens: str, metric: str
    ) -> EveryToken | None:
        """The view of every token of a prompt, or None where it is not kept; runs nothing."""
        rest = (lens, metric, "every token")
        every_token: EveryToken | None = self._kept.get((prompt, adapters, *rest))
        if every_token is None and (wider := self._wider(prompt, adapters)):
            every_token = self._kept.get((prompt, wider, *rest))
            return every_token and every_token.among(adapters)
        return every_token

    def _keep(self, key: tuple[object, ...], value: object) -> None:
        # The key counts too: it holds a prompt, which can be larger than the value.
        self._kept.put(key, value, size_of(key, value))
