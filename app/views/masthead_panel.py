"""The head of the page: the collection, and how far its model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.models.collection import Collection
from app.server.collection_choice import CollectionChoice
from app.server.loader import Loading
from app.widgets import text


@dataclass(frozen=True)
class MastheadPanel:
    """The head of the page.

    Attributes:
        collection: The collection's title.
        brief: The title as the bar shows it, which has no room for more.
        text: What is being loaded, or the state.
        share: How much is loaded, 0 to 1.
        state: `loading`, `ready` or `failed`.
        choices: The collections to choose from; none where there is no choice.
        open: An address to go to; empty to stay.
    """

    collection: str
    brief: str
    text: str
    share: float
    state: str
    choices: tuple[CollectionChoice, ...] = ()
    open: str = ""


def masthead_panel(
    collection: Collection,
    loading: Loading,
    choices: Sequence[CollectionChoice] = (),
    address: str = "",
    notice: str = "",
) -> MastheadPanel:
    """The head of a collection's page.

    Args:
        collection: The collection.
        loading: How far its engine is loaded.
        choices: The collections to choose from.
        address: An address to go to; empty to stay.
        notice: Said in place of the state, if something failed.
    """
    return MastheadPanel(
        collection=text.plain(collection.title),
        brief=text.plain(brief_title(collection.title, [one.title for one in choices])),
        text=text.plain(notice or loading.what),
        share=loading.share,
        state="failed" if notice else loading.state,
        choices=tuple(replace(one, title=text.plain(one.title)) for one in choices),
        open=address,
    )


def brief_title(title: str, titles: Sequence[str] = ()) -> str:
    """What comes before a title's colon, where that tells it from all others; else the title.

    Args:
        title: The title.
        titles: The titles of all collections, this one's too.
    """
    briefs = [one.split(":")[0].strip() for one in titles or (title,)]
    brief = title.split(":")[0].strip()
    return brief if brief and briefs.count(brief) == 1 else title
