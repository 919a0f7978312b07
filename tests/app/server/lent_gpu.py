"""A stand-in for the package `spaces`, whose functions run in a forked process, as on ZeroGPU."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

fork = multiprocessing.get_context("fork")


class Spaces:
    """What `import spaces` gives.

    Attributes:
        processes: The processes that have run, newest last.
        given: How many values they have given, of all calls.
        refusal: Why no GPU is lent; empty where one is.
    """

    def __init__(self) -> None:
        self.processes: list[Any] = []
        self.given = fork.Value("i", 0)
        self.refusal = ""

    def GPU(self, task: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """Runs a generator function in a process of its own, which begins with the first value."""

        def borrowing(*arguments: Any) -> Iterator[Any]:
            if self.refusal:
                raise gr.Error(self.refusal)
            results, stopped = fork.SimpleQueue(), fork.Event()
            process = fork.Process(
                target=self._iterate, args=(task, arguments, results, stopped), daemon=True
            )
            process.start()
            self.processes.append(process)
            try:
                while (kind := (found := results.get())[0]) == "value":
                    yield found[1]
                if kind == "error":
                    raise gr.Error(found[1])
            finally:
                stopped.set()
                while kind == "value":
                    kind = results.get()[0]
                process.join()

        return borrowing

    def _iterate(
        self, task: Callable[..., Iterator[Any]], arguments: Any, results: Any, stopped: Any
    ) -> None:
        values = task(*arguments)
        try:
            for value in values:
                if stopped.is_set():
                    values.close()  # type: ignore[attr-defined]
                    break
                self.given.value += 1
                results.put(("value", value))
        except Exception as error:
            results.put(("error", type(error).__name__))
        else:
            results.put(("end", None))
