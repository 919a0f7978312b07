"""Contexts with facts that a test chose, without an engine."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from analysis.inference.prompt import Prompt
from analysis.measure.context import Context
from analysis.measure.divergence import Divergence
from analysis.measure.relevance.relevance import Relevance
from analysis.measure.weight_settings import WeightSettings
from analysis.models.adapter_facts import AdapterFacts
from analysis.models.adapters import Adapter

PROMPT = Prompt("q", (0, 1), ("", "q"), (True, False), 1, 1, "plain")


class KnownEngine:
    """Knows one divergence, and counts how often it is asked for it.

    Args:
        adapters: Names of all adapters.
        divergence_LK: Of the adapters of any context.
        loaded: The adapters themselves, where a test needs their matrices.
    """

    def __init__(
        self, adapters: tuple[str, ...], divergence_LK: Tensor, loaded: tuple[Adapter, ...] = ()
    ) -> None:
        self.adapters = adapters
        self.layers = len(divergence_LK)
        self.facts = AdapterFacts(loaded)
        self.asked = 0
        self.query_D: Tensor | None = None
        self._divergence_LK = divergence_LK

    def trace(self, *args: Any, **named: Any) -> Any:
        return None

    def divergence(self, *args: Any, **named: Any) -> Divergence:
        self.asked += 1
        peaks = torch.full((self.layers,), 0.5)
        return Divergence(self._divergence_LK, peaks, "norm", "query", "kl")

    def relevance(self, *args: Any, **named: Any) -> Relevance:
        divergence = self.divergence()
        return Relevance(divergence.values_LK, divergence.peak_L, divergence.values_LK)

    def representation(self, prompt: Prompt) -> Tensor:
        if self.query_D is None:
            raise AssertionError("asked for the query's representation")
        return self.query_D

    def baseline(self, *args: Any, **named: Any) -> Any:
        raise AssertionError("asked for a baseline")


def known_context(engine: KnownEngine, adapters: tuple[str, ...] | None = None) -> Context:
    """A context of that engine."""
    return Context(PROMPT, adapters or engine.adapters, WeightSettings(), engine)
