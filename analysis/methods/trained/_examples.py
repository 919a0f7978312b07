"""What the trained methods have in common: one fit for all questions of a collection."""

from __future__ import annotations

ONE_FIT = (
    "The paper fits each composite task by itself. Here one fit serves all questions, because a "
    "question does not say which task it belongs to; and where fewer adapters are fused than were "
    "fitted together, the weights of the others are left out and no weight is fitted anew."
)
NEEDS = "Questions with right answers: `fit-method {name} --tasks FILE …`."
