"""Advances rows of any streams by a token: one pass, one product with the head."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedModel

from analysis.inference.decoding.row_caches import keep_rows
from analysis.inference.decoding.sampling import Sampling, draw
from analysis.inference.head import Head
from analysis.inference.mixing.applied_rows import AppliedRows
from analysis.inference.mixing.mixture import Mixture
from analysis.inference.mixing.policies import Policy
from analysis.inference.mixing.policy_weights import WeightRecorder
from analysis.inference.passes.prefixes import positions
from analysis.inference.scheduling.rows_cache import RowsCache, row_bytes
from analysis.inference.scheduling.shared_pass import SharedPass, shared_attention

Chosen = list[tuple[int, float]]
"""For each row the id of its next token and the token's probability."""


@dataclass
class EqualRows:
    """Rows whose texts have the same number of tokens, between two steps.

    Attributes:
        cache: Their keys and values.
        length: How many tokens these are of.
        ids: The newest token of each row, which is to run next.
        policies: The rows' policies.
        recorders: For each row a recorder of the weights of its rule, or None.
        sampling: How tokens are chosen.
        generators: One for each row.
        applied: The rows on the model, where they run alone.
    """

    cache: RowsCache | Cache
    length: int
    ids: list[int]
    policies: list[Policy]
    recorders: list[WeightRecorder | None]
    sampling: Sampling
    generators: list[torch.Generator]
    applied: AppliedRows | None = None

    def select(self, rows: list[int]) -> None:
        """Keeps some rows only."""
        if isinstance(self.cache, RowsCache):
            self.cache.select(rows)
        else:
            keep_rows(self.cache, torch.tensor(rows))
        self.applied = None
        for name in ("ids", "policies", "recorders", "generators"):
            values = getattr(self, name)
            setattr(self, name, [values[row] for row in rows])

    def restorers(self) -> list[Callable[[], object]]:
        """Functions that restore recorders and generators if the next step fails."""
        found: list[Callable[[], object]] = [
            partial(one.restore, one.sums()) for one in self.recorders if one is not None
        ]
        if self.sampling.temperature:
            found += [partial(one.set_state, one.get_state()) for one in self.generators]
        return found


class Advance:
    """Runs steps of one model.

    Args:
        model: The base model.
        head: Its head.
        mixture: Its adapters.
        first: The keys and values of a row of one token.
        shares: Whether rows of different lengths can share passes; the self-check knows.
    """

    def __init__(
        self, model: PreTrainedModel, head: Head, mixture: Mixture, first: Cache, *, shares: bool
    ) -> None:
        self._model = model
        self._head = head
        self._mixture = mixture
        self.shares = shares
        self._first = first
        # The batch of the last step, by the identity of its policies and recorders.
        self._last: tuple[list[object], AppliedRows] | None = None

    def bytes(self, tokens: int) -> int:
        """The memory of the keys and values of a row of so many tokens."""
        return row_bytes(self._first, tokens)

    def together(self, streams: Sequence[Sequence[EqualRows]]) -> list[list[Chosen] | Exception]:
        """Advances the rows of some streams by a token.

        An error belongs to the streams that meet it alone, and leaves the others as they were.

        Returns:
            For each stream what its groups chose, or its error.
        """
        if len(streams) > 1 and not self.shares:
            # Their own caches grow in place, so that no step of theirs may run twice.
            return [result for stream in streams for result in self.together([stream])]
        groups = [group for stream in streams for group in stream]
        undo = [one for group in groups for one in group.restorers()]
        try:
            chosen = self._advance(groups)
        except Exception as error:
            for restore in undo:
                restore()
            if len(streams) == 1:
                return [error]
            return [result for stream in streams for result in self.together([stream])]
        found = iter(chosen)
        return [[next(found) for _ in stream] for stream in streams]

    def forget(self) -> None:
        """Drops the last batch."""
        self._last = None

    @torch.inference_mode()
    def _advance(self, groups: Sequence[EqualRows]) -> list[Chosen]:
        if self.shares:
            states_RD = self._shared_states(groups)
        else:
            states_RD = torch.cat([self._states(group) for group in groups])
        parts = states_RD.split([len(group.ids) for group in groups])
        chosen = choose(self._head, list(zip(groups, parts, strict=True)))
        for group in groups:
            group.length += 1
            if isinstance(group.cache, RowsCache):
                group.cache.kept()
        return chosen

    def _shared_states(self, groups: Sequence[EqualRows]) -> Tensor:
        """The states before the head of all rows' newest tokens, `[rows, width]`, in one pass."""
        device = self._model.device
        ids_R1 = torch.tensor([[id_] for group in groups for id_ in group.ids], device=device)
        places_R1 = torch.tensor(
            [[group.length] for group in groups for _ in group.ids], device=device
        )
        caches = [group.cache for group in groups if isinstance(group.cache, RowsCache)]
        shared = SharedPass(caches, [len(group.ids) for group in groups])
        with self._applied(groups).on(), shared_attention(self._model, shared):
            states_R1D: Tensor = self._model.base_model(
                input_ids=ids_R1, position_ids=places_R1, cache=shared, use_cache=True
            ).last_hidden_state
        return states_R1D[:, -1]

    def _states(self, group: EqualRows) -> Tensor:
        """As `_shared_states` for one group, the model's own way."""
        ids_R1 = torch.tensor([[id_] for id_ in group.ids], device=self._model.device)
        if group.applied is None:
            group.applied = self._mixture.rows_of(group.policies, group.recorders, one_token=True)
        with group.applied.on():
            states_R1D: Tensor = self._model.base_model(
                input_ids=ids_R1,
                position_ids=positions(group.length, ids_R1),
                cache=group.cache,
                use_cache=True,
            ).last_hidden_state
        return states_R1D[:, -1]

    def _applied(self, groups: Sequence[EqualRows]) -> AppliedRows:
        """The rows on the model; made anew where others take part than in the last step."""
        policies = [one for group in groups for one in group.policies]
        recorders = [one for group in groups for one in group.recorders]
        named: list[object] = [*policies, *recorders]
        last = self._last  # read once: a reader's thread may drop it meanwhile
        if last is not None and _same(last[0], named):
            return last[1]
        applied = self._mixture.rows_of(policies, recorders, one_token=True)
        self._last = named, applied
        return applied


def choose(head: Head, groups: Sequence[tuple[EqualRows, Tensor]]) -> list[Chosen]:
    """Chooses the next tokens of some groups.

    Args:
        head: The model's head.
        groups: Each with the states before the head of its rows' newest tokens, `[rows, width]`.

    Returns:
        For each group what its rows choose.
    """
    found: dict[int, Chosen] = {}
    # Rows that draw need all logits; each kind shares one product with the head.
    for draws in (False, True):
        places = [
            place
            for place, (group, _) in enumerate(groups)
            if bool(group.sampling.temperature) == draws
        ]
        if not places:
            continue
        states_RD = torch.cat([groups[place][1] for place in places])
        if draws:
            parts = head.output(states_RD).split([len(groups[place][1]) for place in places])
            for place, part_RV in zip(places, parts, strict=True):
                group = groups[place][0]
                found[place] = draw(part_RV, group.sampling, group.generators)
        else:
            best = head.next_tokens(states_RD)
            # In float32, as where tokens are drawn: in float64 the last digits of a product depend
            # on the rows that share it.
            rows = zip(best.best_N.tolist(), best.probability_N.float().tolist(), strict=True)
            for place in places:
                found[place] = list(islice(rows, len(groups[place][1])))
    return [found[place] for place in range(len(groups))]


def _same(some: Sequence[object], others: Sequence[object]) -> bool:
    """Whether two lists hold the same objects."""
    return len(some) == len(others) and all(map(operator.is_, some, others))


@torch.inference_mode()
def first_token(model: PreTrainedModel) -> Cache:
    """The keys and values of a row of one token."""
    cache = DynamicCache(config=model.config)
    ids_11 = torch.tensor([[0]], device=model.device)
    model.base_model(
        input_ids=ids_11, position_ids=positions(0, ids_11), cache=cache, use_cache=True
    )
    return cache
