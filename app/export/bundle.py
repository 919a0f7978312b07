"""What visitors take with them, whatever the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.models.manifest import Collection
from app.state.run import Asked
from app.state.snapshot import Numbers, Picture
from app.views.cell_view import View

if TYPE_CHECKING:
    from analysis.inference.prompt import Prompt
    from analysis.models.provenance import Provenance


@dataclass(frozen=True)
class Taken:
    """What is taken along.

    Attributes:
        collection: What ran.
        source: What it was made with.
        picture: What is shown.
        prompt: What the model read.
        answers: What the answers' panel shows of the same question, if there are any.
        asked: What they were made from.
        painted: The what-if weights, if there are any.
        pinned: What the picture is compared with, if with any.
    """

    collection: Collection
    source: Provenance
    picture: Picture
    prompt: Prompt | None = None
    answers: View | None = None
    asked: Asked | None = None
    painted: Numbers | None = None
    pinned: Picture | None = None
