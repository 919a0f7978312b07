"""Tokenizers are not made for threads: no two calls of one ever overlap."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.engine import Engine
from analysis.methods import fuse
from analysis.models.adapters import load_adapter
from analysis.models.collection import AdapterEntry, PromptForm
from tests import tiny

QUERY = "María tiene 3 manzanas y compra 5 más."


class WatchedTokenizer:
    """A tokenizer that notices when two threads are in it, and waits a moment for the second."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._busy = threading.Lock()
        self.overlap = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._alone(self._tokenizer, *given, **named)

    def decode(self, *given: Any, **named: Any) -> Any:
        return self._alone(self._tokenizer.decode, *given, **named)

    def convert_ids_to_tokens(self, *given: Any, **named: Any) -> Any:
        return self._alone(self._tokenizer.convert_ids_to_tokens, *given, **named)

    def _alone(self, call: Callable[..., Any], *given: Any, **named: Any) -> Any:
        if not self._busy.acquire(blocking=False):
            self.overlap.set()
            return call(*given, **named)
        try:
            self.overlap.wait(0.002)
            return call(*given, **named)
        finally:
            self._busy.release()


def test_prompts_answers_and_cells_never_use_the_tokenizer_at_once(tmp_path: Path) -> None:
    base, watched = tiny.model(), WatchedTokenizer(tiny.tokenizer())
    adapter = load_adapter(
        base, AdapterEntry("one", "one", "other", tiny.write_adapter(tmp_path / "one", base))
    )
    engine = Engine(base, watched, [adapter], PromptForm(tiny.FORM, (tiny.STOP,)))  # type: ignore[arg-type]
    trace = engine.trace(QUERY)
    rows = fuse(["base", "static"], engine.context(trace.prompt))
    work: list[Callable[[], object]] = [
        lambda: engine.prompt(QUERY),
        lambda: [engine.cell(trace, layer, "one") for layer in range(engine.layers)],
        lambda: list(engine.answer(trace.prompt, rows, new_tokens=8)),
        lambda: [engine.token(token) for token in range(20)],
    ]
    together = threading.Barrier(len(work))

    def run(task: Callable[[], object]) -> None:
        together.wait(60)
        task()

    threads = [threading.Thread(target=run, args=(task,)) for task in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert not watched.overlap.is_set()
