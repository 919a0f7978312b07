"""A profile while it is read, and after: what a visitor's tab holds between events."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.measure.weight_settings import WeightSettings
from app.state.session import Session

if TYPE_CHECKING:
    from analysis.measure.profile.profile import Profile, QueryWeights

_NUMBERS = itertools.count(1)


@dataclass(eq=False)
class ProfileRun:
    """The queries of a profile, as far as they are read.

    Attributes:
        asked: How many queries were asked.
        listed: How many the list has.
        adapters: Names of the adapters.
        settings: How relevance is read and turned into weights.
        groups: Adapters that are named together, by their name in a sentence.
        found: The weights of the queries that are read, in the order of the list.
        number: Differs from that of any other profile.
    """

    asked: int
    listed: int
    adapters: tuple[str, ...]
    settings: WeightSettings
    groups: Mapping[str, tuple[str, ...]]
    found: list[QueryWeights] = field(default_factory=list)
    number: int = field(default_factory=lambda: next(_NUMBERS))

    def profile(self) -> Profile:
        """The profile of the queries that are read; there is at least one."""
        from analysis.measure.profile.profile import profile_of

        return profile_of(
            tuple(self.found), self.adapters, self.settings, tuple(self.groups.values())
        )


class ProfileState:
    """The tab of one visitor.

    Attributes:
        session: Counts and ends the requests of the tab: a question in another tab goes on beside
            a profile.
        run: The newest profile of which a query is read; None before there is one.
    """

    def __init__(self) -> None:
        self.session = Session()
        self.run: ProfileRun | None = None

    def __deepcopy__(self, memo: dict[int, object]) -> ProfileState:
        # Gradio copies the first state for each visitor.
        return ProfileState()
