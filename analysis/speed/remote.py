"""A crowd on a running page: visitors ask through Gradio's API, as any program would."""

from __future__ import annotations

import http.client
import json
import math
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.speed.crowd import Load, Visit, summary
from analysis.speed.load import TIE, at_once, queries

# Gradio sends a sign of life every 15 s.
_SILENCE_SECONDS = 120.0


class RemotePage:
    """A running page.

    Args:
        url: Its address, such as `http://127.0.0.1:7860`.

    Attributes:
        url: Its address.
        path: The path of its endpoint `answer`.

    Raises:
        InputError: It is no address of a page.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise InputError(f"{url!r} is no address of a page: give one such as http://HOST:7860.")
        self.url = url
        self._host, self._port, self._secure = parts.hostname, port, parts.scheme == "https"
        self.path = f"{parts.path.rstrip('/')}/gradio_api/call/v2/answer"

    def visit(self, query: str, methods: Sequence[str], new_tokens: int) -> Visit:
        """Asks for answers, and reads them as they grow.

        Args:
            query: The question.
            methods: Names of the methods that answer.
            new_tokens: The longest an answer may get.
        """
        began, first = time.perf_counter(), math.nan
        answers: dict[str, list[tuple[int, float]]] = {}
        asked = {"query": query, "methods": list(methods), "new_tokens": new_tokens, "tokens": True}
        try:
            for answers in self.answers(asked):
                if math.isnan(first) and any(answers.values()):
                    first = time.perf_counter() - began
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Visit(error=f"{type(error).__name__}: {error}")
        told = answers.values()
        return Visit(
            first,
            time.perf_counter() - began,
            tuple(tuple(id_ for id_, _ in own) for own in told),
            probabilities=tuple(tuple(p for _, p in own) for own in told),
        )

    def answers(self, asked: dict[str, Any]) -> Iterator[dict[str, list[tuple[int, float]]]]:
        """The tokens so far of each answer, again and again.

        Raises:
            OSError: The page cannot be reached, or went away.
            ValueError: It refuses; the message is the page's.
        """
        body = json.dumps(asked)
        with self.request("POST", self.path, body) as response:
            told = json.load(response)
        event_id = told.get("event_id") if isinstance(told, dict) else None
        if not isinstance(event_id, str):
            raise ValueError(f"{self.url} takes no request as a page does")
        with self.request("GET", f"{self.path}/{event_id}") as response:
            kind = ""
            for line in response:
                name, _, value = line.decode().rstrip("\r\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data" and kind in ("generating", "complete"):
                    found = json.loads(value)
                    if found:
                        yield _answers_in(found)
                    if kind == "complete":
                        return
                elif name == "data" and kind == "error":
                    told = json.loads(value)
                    raise ValueError(told.get("error") if isinstance(told, dict) else told)
        raise ConnectionError("the answers broke off")

    def request(self, method: str, path: str, body: str | None = None) -> http.client.HTTPResponse:
        """The response to a request; closing it closes its connection."""
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=_SILENCE_SECONDS)
        # The page closes the connection behind its response, and the response holds it until then.
        headers = {"Content-Type": "application/json", "Connection": "close"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        if response.status != 200:
            with response:
                said = response.read(400).decode(errors="replace")
            raise ValueError(f"{method} {path}: {response.status} {response.reason} {said}".strip())
        return response


def _answers_in(found: object) -> dict[str, list[tuple[int, float]]]:
    """The answers in the data of an event.

    Raises:
        ValueError: They have another shape.
    """
    answers = found[0] if isinstance(found, list) and found else None
    if not isinstance(answers, dict) or not all(
        isinstance(own, list) and all(isinstance(one, list) and len(one) == 2 for one in own)
        for own in answers.values()
    ):
        raise ValueError(f"answers have another shape: {str(found)[:80]}")
    return answers


def measure_page(
    page: RemotePage, visitors: int, methods: Sequence[str], new_tokens: int, progress: Progress
) -> Load:
    """Lets visitors ask a page all at once, then one after the other.

    The page keeps traces: the visitors alone come second and get theirs sooner, so `over_serial` is
    at least what it says.

    Args:
        page: The page.
        visitors: How many.
        methods: Names of the methods that answer each question.
        new_tokens: The longest an answer may get.
        progress: Told how far the run is.

    Raises:
        InputError: The page cannot be reached, or does not answer.
    """
    *asked, other = queries(visitors + 1)
    progress("one visitor first, who is not counted", 0.0)
    # With the options of all visitors, which the page may refuse.
    first = page.visit(other, methods, new_tokens)
    if not first.tokens:
        why = first.error or "no token"
        raise InputError(
            f"{page.url} does not answer ({why}): is it a running page that takes these options?"
        )
    progress(f"{visitors} visitors at once", 0.0)
    found, seconds = at_once([partial(page.visit, query, methods, new_tokens) for query in asked])
    alone, began = [], time.perf_counter()
    for number, query in enumerate(asked):
        progress(f"visitor {number + 1} of {visitors} alone", 0.5 + 0.5 * number / visitors)
        alone.append(page.visit(query, methods, new_tokens))
    serial_seconds = time.perf_counter() - began
    parted = [
        _is_tie(*both)
        for one, solo in zip(found, alone, strict=True)
        for both in zip(_told(one), _told(solo), strict=False)
        if both[0][0] != both[1][0]
    ]
    # Nothing could be compared with a solo visit that failed.
    pairs = zip(found, alone, strict=True)
    found = [Visit(error=solo.error) if solo.error else one for one, solo in pairs]
    serial_speed = sum(one.tokens for one in alone) / serial_seconds
    ties = sum(parted)
    return summary(found, seconds, new_tokens, len(parted) - ties, ties, serial_speed, None)


Told = tuple[tuple[int, ...], tuple[float, ...]]


def _told(visit: Visit) -> list[Told]:
    """Ids and probabilities of each answer."""
    return list(zip(visit.ids, visit.probabilities, strict=True))


def _is_tie(some: Told, others: Told) -> bool:
    """Whether two answers part at tokens that were equally probable but for round-off.

    Each token was the most probable of its run. Of equal distributions both then have the same
    probability; other rows in the batch that changed the distribution would change it.
    """
    for one, other, p, q in zip(some[0], others[0], some[1], others[1], strict=False):
        if one != other:
            return abs(p - q) <= TIE * max(p, q)
    return False  # one has ended and the other goes on
