"""The engine of a ZeroGPU Space, which lends a GPU for one call of a function.

The package `spaces` runs that function in a forked process. There only the calling thread goes on,
and nothing that it changes reaches the server. So the process makes an engine of its own, from what
it inherits, moved to the GPU; it runs one part of a request, and gives back plain results. The
server's engine stays on the CPU: it checks limits, keeps results and reads the LM head from traces.

Only a ZeroGPU Space imports this module, before the server starts: without a function that borrows
the GPU, the Space is refused.
"""

from __future__ import annotations

import pickle
import queue
import threading
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar, cast

import gradio as gr
import spaces
import torch

from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.common.progress import Progress
from analysis.engine import Engine
from analysis.inference.decoding.answering import Decoding
from analysis.inference.decoding.steps import Step
from analysis.inference.mixing.policy_weights import PolicyWeights
from analysis.inference.sharing.running_rows import RequestedRows
from analysis.models.collection import Collection
from analysis.models.provenance import Computation

P = ParamSpec("P")
T = TypeVar("T")

DEVICE = "cuda"
"""The device that is lent."""
# So often the process gives a sign of life: it may then be told to stop.
_SIGN_SECONDS = 0.2

# Makes the engine of a process. There is one at most: a process may serve calls of later requests,
# and knows only what there was when it began.
_makers: list[Callable[[], Engine]] = []


class _Stopped(Exception):
    """Nobody waits for the result any more."""


@cache
def _own_engine() -> Engine:
    """The engine of this process, which has a GPU."""
    # The server's threads are not in this process: OpenMP would wait for them for ever.
    torch.set_num_threads(1)
    return _makers[0]()


def _serve(called: bytes) -> Iterator[bytes]:
    """Calls a method of the process's engine; yields its progress and what it gives.

    All is pickled here: the package would hand tensors on in memory that ends with the process.
    """
    name, arguments = pickle.loads(called)
    messages: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
    stopped = threading.Event()

    def tell(kind: str, value: object) -> None:
        if stopped.is_set():
            raise _Stopped
        messages.put((kind, value))

    def told(what: str, share: float) -> None:
        tell("progress", (what, share))

    def work() -> None:
        try:
            found = getattr(_own_engine(), name)(*arguments, progress=told)
            if not isinstance(found, Iterator):
                tell("result", found)
                return
            decoding = cast(Decoding, found)
            with closing(decoding):
                for step in found:
                    tell("result", (step, decoding.policy_weights(), decoding.over))
        except _Stopped:
            pass
        except InputError as error:
            messages.put(("refused", error))
        except Exception:
            messages.put(("failed", traceback.format_exc()))
        finally:
            messages.put(None)

    thread = threading.Thread(target=work, name="request", daemon=True)
    thread.start()
    try:
        while True:
            try:
                message = messages.get(timeout=_SIGN_SECONDS)
            except queue.Empty:
                message = ("sign", None)
            if message is None:
                return
            yield pickle.dumps(message)
    finally:
        stopped.set()
        thread.join()


_with_gpu: Callable[[bytes], Generator[bytes, None, None]]
_with_gpu = spaces.GPU(_serve)


def _call(
    method: Callable[..., object], arguments: object, progress: Progress | None
) -> Generator[Any, None, None]:
    """Calls a method of `Engine` with the GPU; yields what it gives. Closing it ends the work.

    Args:
        method: The method, of whatever engine; the process calls its own engine's.
        arguments: The method's, but for the progress.
        progress: Told how far the work is.

    Raises:
        InputError: The method refuses its arguments, or no GPU is lent.
    """
    tell, said = progress or (lambda what, share: None), ("waiting for a graphics processor", 0.0)
    tell(*said)
    try:
        with closing(_with_gpu(pickle.dumps((method.__name__, arguments)))) as messages:
            for kind, value in map(pickle.loads, messages):
                if kind == "refused":
                    raise value
                if kind == "failed":
                    raise RuntimeError(f"The process with the GPU failed:\n{value}")
                if kind == "result":
                    yield value
                else:
                    said = value or said
                    tell(*said)
    except gr.Error as error:
        # The package's own: no GPU was free in time, or the visitor's share of ZeroGPU is used up.
        raise InputError(str(error.message)) from error


class _Decoding(Iterator[Step]):
    """Answers that another process decodes.

    Args:
        results: What the process gives, from progress; it ends with the last step.
        weights: The weights that the rows have before the first step.
        progress: Told how far the process is until the first step.
    """

    def __init__(
        self,
        results: Callable[[Progress], Generator[Any, None, None]],
        weights: tuple[PolicyWeights, ...],
        progress: Progress | None,
    ) -> None:
        self.over = False
        self._weights = weights
        self._progress = progress
        self._results = results(self._told)
        # Held by the thread that waits for a step: no other can close the generator meanwhile.
        self._waits = threading.Lock()

    def __next__(self) -> Step:
        with self._waits:
            try:
                if self.over:
                    raise StopIteration
                step, self._weights, over = next(self._results)
                self.over |= over
                return cast(Step, step)
            except _Stopped:
                raise StopIteration from None
            finally:
                if self.over:
                    self._results.close()

    def close(self) -> None:
        self.over = True
        if self._waits.acquire(blocking=False):
            try:
                self._results.close()
            finally:
                self._waits.release()

    def policy_weights(self) -> tuple[PolicyWeights, ...]:
        return self._weights

    def _told(self, what: str, share: float) -> None:
        if self.over:
            raise _Stopped
        if self._progress is not None:
            self._progress(what, share)


class ZeroGpuEngine(Engine):
    """An engine on the CPU whose passes of several rows run where a GPU is lent; from `load`."""

    @classmethod
    def load(
        cls,
        collection: Collection,
        progress: Progress | None = None,
        dtype: str = "float32",
        device: str | None = None,
        limits: Limits | None = None,
        beside: Engine | None = None,
    ) -> Engine:
        """As `Engine.load`, on the CPU; a second base of a server runs there alone."""
        if _makers:
            return Engine.load(collection, progress, dtype, "cpu", limits, beside)
        engine = super().load(collection, progress, dtype, "cpu", limits, beside)
        _makers.append(engine.equal_on(DEVICE))
        return engine

    @property
    def computation(self) -> Computation:
        """Precision of the base model, and the device that is lent."""
        return replace(super().computation, device=DEVICE)

    def _decode(self, asked: RequestedRows, progress: Progress | None) -> Decoding:
        # It begins with the first step, so nothing runs here.
        weights = super()._decode(asked, progress).policy_weights()
        return _Decoding(partial(_call, Engine._decode, (asked,)), weights, progress)

    def _with_model(self, method: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        (found,) = _call(method, arguments, cast("Progress | None", named["progress"]))
        return cast(T, found)
