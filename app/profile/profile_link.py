"""Links to the Profile tab: its list by name, its adapters and how many queries it reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.common.limits import Limits
from app.state import link_fields
from app.state.link_fields import Field, LinkFields

OWN = "own"
"""The choice of a list that the visitor writes."""
MOST = 100
"""The most queries that are read, until the visitor chooses."""

_LIST = "profile"
_RUN = ("q", "cell", "paint", "pin", "show")


@dataclass(frozen=True)
class ProfileLink:
    """The link of the tab.

    Attributes:
        text: The part of the address after `?`; it always names the list, which opens the tab.
        keys: The keys that it may have, and those of a question, which it has not.
        own: Whether the list is the visitor's own, which stays out of the link.
    """

    text: str = ""
    keys: tuple[str, ...] = ()
    own: bool = False


def profile_fields(lists: Collection[str], adapters: Collection[str]) -> dict[str, Field]:
    """The fields of the tab's part of an address.

    Args:
        lists: Names of the lists; the first is chosen at the beginning.
        adapters: Names of the adapters.
    """
    first = next(iter(lists), OWN)
    most = link_fields.number(1, Limits().queries, whole=True)
    return {
        "profile_list": Field(_LIST, link_fields.one_of(*lists, OWN), first),
        "profile_adapters": Field(
            "profile_adapters", link_fields.some_of(*adapters), list(adapters)
        ),
        "profile_most": Field("profile_most", most, MOST),
    }


def profile_link(fields: Mapping[str, Field], values: Mapping[str, Any]) -> ProfileLink:
    """The link of some settings, to copy: lens, metric and so on stay those of the address.

    Args:
        fields: From `profile_fields`.
        values: The values of the tab's controls by the fields' names; None is left out.
    """
    part = LinkFields(fields)
    listed = str(values["profile_list"])
    rest = part.encode(
        {name: one for name, one in values.items() if name != "profile_list" and one is not None}
    )
    text = "&".join(one for one in (f"{_LIST}={listed}", rest) if one)
    return ProfileLink(text, (*part.keys, *_RUN), listed == OWN)
