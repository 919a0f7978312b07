"""The parts of the tab that all its listeners need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.explore.controls import Data, Values
from app.explore.layout import Layout
from app.explore.page_updates import Changes, PageUpdates
from app.server.requests import FAILED
from app.services.tabs import TabContext
from app.state.session import Session
from app.widgets.status import StatusPanel


@dataclass(frozen=True)
class TabHandlers:
    """Some listeners of the tab.

    Each takes the values by component, those of the session and of the controls that it needs.

    Attributes:
        fault: What the page says after a fault of ours.
        context: The shared parts of the page.
        layout: The parts of the tab.
        page: Turns updates into changes of components.
    """

    fault: ClassVar[str] = FAILED

    context: TabContext
    layout: Layout
    page: PageUpdates

    def _read(self, data: Data) -> tuple[Session, Values]:
        return data[self.context.session], self.layout.controls.values(data)

    def failed(self, text: str) -> Changes:
        """A failure in the status line; the page keeps everything else."""
        return self.page.message(StatusPanel("error", text))
