"""The methods panel: its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from analysis.catalogue.groups import Group
from analysis.catalogue.markdown import HEADINGS, address_of
from analysis.methods import Method
from analysis.methods._absent import AbsentMethod
from app.widgets.words.said import joined, say

State: TypeAlias = Literal["runs", "lacks", "unknown"]


@dataclass(frozen=True)
class Fact:
    """A fact about a method.

    Attributes:
        heading: Its heading.
        text: The fact.
        address: The address that the text links to; empty where it links nowhere.
    """

    heading: str
    text: str
    address: str = ""


@dataclass(frozen=True)
class MethodEntry:
    """A method.

    Attributes:
        name: Its name; the page jumps to it by this name.
        written: The name as a request writes it.
        title: The heading.
        summary: One sentence about the rule.
        facts: What people should know.
        state: Whether it can run with the adapters of the page.
        status: The state in words.
    """

    name: str
    written: str
    title: str
    summary: str
    facts: tuple[Fact, ...]
    state: State = "unknown"
    status: str = ""


@dataclass(frozen=True)
class MethodGroup:
    """Methods of one kind.

    Attributes:
        title: The heading.
        summary: What they have in common.
        methods: The methods.
    """

    title: str
    summary: str
    methods: tuple[MethodEntry, ...]


@dataclass(frozen=True)
class MethodsPanel:
    """All methods.

    Attributes:
        sentence: How many there are, and how many of them can run.
        groups: The methods by kind.
        absent: Methods of the field that are not here.
        absent_sentence: What these have in common.
        fault: Why it is not known which methods can run; empty where nothing failed.
    """

    sentence: str
    groups: tuple[MethodGroup, ...]
    absent: tuple[MethodEntry, ...]
    absent_sentence: str
    fault: str = ""


def methods_panel(
    groups: Sequence[Group],
    absent: Sequence[AbsentMethod],
    reasons: Mapping[str, str] | None,
    fault: str = "",
) -> MethodsPanel:
    """The panel of some methods.

    Args:
        groups: The methods by folder.
        absent: The methods that are not here.
        reasons: Why methods cannot run, by their names; None where that is not known.
        fault: Why it is not known, if something failed.
    """
    entries = tuple(
        MethodGroup(
            say(group.title),
            say(group.summary),
            tuple(_entry(method, reasons) for method in group.methods),
        )
        for group in groups
    )
    return MethodsPanel(
        sentence=_sentence([entry for group in entries for entry in group.methods]),
        groups=entries,
        absent=tuple(_absent(one) for one in absent),
        absent_sentence=say(
            "Each fuses LoRA adapters too. It says what it needs, and why it is not here."
        ),
        fault=fault,
    )


def _sentence(entries: Sequence[MethodEntry]) -> str:
    count = len(entries)
    run = sum(entry.state == "runs" for entry in entries)
    if any(entry.state == "unknown" for entry in entries):
        able = say("Which of them can run with these adapters is known once the model is loaded.")
    elif run == count:
        able = say("All of them can run with these adapters.")
    else:
        able = say(
            "{run} of them can run with these adapters; the others say what they lack.", run=run
        )
    return joined(" ", (say("{count} ways to weigh the adapters.", count=count), able))


def _entry(method: Method, reasons: Mapping[str, str] | None) -> MethodEntry:
    state: State = "unknown"
    status = ""
    if reasons is not None:
        reason = reasons.get(method.name)
        state = "runs" if reason is None else "lacks"
        status = say("Can run here")
        if reason is not None:
            status = say("Cannot run here: {reason}", reason=reason)
    facts = [
        Fact(say(heading), _sentence_case(text), address_of(text) if part == "paper" else "")
        for part, heading in HEADINGS.items()
        if method.about is not None and (text := getattr(method.about, part))
    ]
    return MethodEntry(
        method.name, method.written_name, method.title, method.summary, tuple(facts), state, status
    )


def _absent(one: AbsentMethod) -> MethodEntry:
    facts = [Fact(say("Needs"), _sentence_case(one.needs)), Fact(say("Why not here"), one.why)]
    if one.paper:
        facts.insert(0, Fact(say("Paper"), one.paper, address_of(one.paper)))
    return MethodEntry("", "", one.name, one.summary, tuple(facts))


def _sentence_case(text: str) -> str:
    return say("Nothing.") if text == "nothing" else text
