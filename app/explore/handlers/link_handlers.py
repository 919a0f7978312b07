"""Links and examples of the Explore tab: they set controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import gradio as gr

from app.explore import controls
from app.explore.controls import Data
from app.explore.handlers.tab_handlers import TabHandlers
from app.explore.page_updates import Changes, merged
from app.explore.permalinks import Permalinks
from app.server.guard import guarded
from app.state import link_fields
from app.state.examples import Example
from app.state.session import Session


@dataclass(frozen=True)
class LinkHandlers(TabHandlers):
    """The listeners that set controls.

    Attributes:
        examples: The example questions.
        permalinks: Makes and opens links.
    """

    examples: Sequence[Example]
    permalinks: Permalinks

    @guarded
    def open_page(self, data: Data, request: gr.Request) -> Changes:
        """Opens the permalink in the page's address."""
        return self._open(data[self.context.session], request.query_params, new_page=True)

    @guarded
    def reopen_run(self, data: Data, event: gr.EventData) -> Changes:
        """Opens the permalink of a run in the history."""
        return self._open(data[self.context.session], link_fields.pairs(str(event.link)))

    def _open(
        self, session: Session, given: Mapping[str, str], *, new_page: bool = False
    ) -> Changes:
        values, update = self.permalinks.open(session, given, new_page=new_page)
        restored = self.layout.controls.components(values)
        if "position" in values:
            restored |= self.page.position_changes(values["position"])
        return merged(self.page.changes(session, update), restored) or gr.skip()

    @guarded
    def choose_example(self, data: Data, event: gr.EventData) -> Changes:
        """Sets query and adapters of an example question."""
        _, values = self._read(data)
        labels = self.context.labels
        example = self.examples[int(event.index) % len(self.examples)]
        return self.layout.controls.components(
            {
                "query": example.query,
                "adapters": example.among(list(labels)),
                "alone": controls.alone_for(example, values["alone"], labels),
            }
        )

    def select_all_adapters(self) -> list[str]:
        """Selects all adapters."""
        return list(self.context.labels)
