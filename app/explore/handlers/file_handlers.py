"""Files of the Explore tab, for the browser to save."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import gradio as gr

from app.explore.controls import Data
from app.explore.handlers.tab_handlers import TabHandlers
from app.explore.page_updates import Changes
from app.export import checks, files
from app.export.adapter_file import write_adapter
from app.server.downloads import DOWNLOADS
from app.server.guard import guarded
from app.state.session import Session
from app.views.export_panel import ExportPanel

if TYPE_CHECKING:
    from analysis.engine import Engine

# A panel ignores contents that equal the contents before: each file gets another number.
_FILE_NUMBERS = itertools.count(1)


class FileHandlers(TabHandlers):
    """The listeners that make files."""

    @guarded
    def export(self, data: Data, event: gr.EventData) -> Changes:
        """Makes a file for the browser to save."""
        session, _ = self._read(data)
        context = self.context
        panel = ExportPanel(ready=session.snapshot is not None)
        if panel.ready and event.kind in files.KINDS:
            file = files.export(event.kind, context.collection, session, context.stored_example)
            panel = replace(panel, file=file, number=next(_FILE_NUMBERS))
        elif panel.ready and event.kind == "adapter":
            panel = replace(panel, download=self._adapter(session), number=next(_FILE_NUMBERS))
        return self.page.changes(session, {"export": panel})

    @guarded
    def save_variants(self, data: Data, event: gr.EventData) -> Changes:
        """Makes a file of the weights over variants of the question."""
        return self._save_check(data, "variants", str(event.kind))

    @guarded
    def save_copies(self, data: Data, event: gr.EventData) -> Changes:
        """Makes a file of the comparison of an adapter with its copies."""
        return self._save_check(data, "copies", str(event.kind))

    def _save_check(self, data: Data, name: str, kind: str) -> Changes:
        session, _ = self._read(data)
        kind = kind if kind in checks.KINDS else checks.KINDS[0]
        file = checks.export_check(kind, name, self.context.collection, session)
        panel = ExportPanel(True, file=file, number=next(_FILE_NUMBERS))
        return self.page.changes(session, {"export": panel})

    def _adapter(self, session: Session) -> str:
        """The address of the fused adapter of the page's weights."""
        run = session.run
        engine = run.engine if run is not None else self.context.loader.loaded
        assert session.snapshot is not None
        name = f"{files.name_of(session.snapshot.query)}.zip"
        return DOWNLOADS.keep(
            name,
            lambda path: write_adapter(
                path, self.context.collection, session, cast("Engine", engine)
            ),
        )
