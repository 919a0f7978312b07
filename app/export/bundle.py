"""What visitors take with them, whatever the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.models.manifest import Collection
from app.state.numbers import Numbers
from app.state.run import AnswerRecord
from app.state.snapshot import Snapshot
from app.views.cell_view import View

if TYPE_CHECKING:
    from analysis.inference.prompt import Prompt
    from analysis.models.provenance import Provenance


@dataclass(frozen=True)
class ExportBundle:
    """What is taken along.

    Attributes:
        collection: What ran.
        source: What it was made with.
        snapshot: What is shown.
        prompt: What the model read.
        answers: What the answers' panel shows of the same question, if there are any.
        answer_record: What they were made from.
        painted: The what-if weights, if there are any.
        pinned: What the picture is compared with, if with any.
    """

    collection: Collection
    source: Provenance
    snapshot: Snapshot
    prompt: Prompt | None = None
    answers: View | None = None
    answer_record: AnswerRecord | None = None
    painted: Numbers | None = None
    pinned: Snapshot | None = None
