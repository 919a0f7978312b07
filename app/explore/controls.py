"""The controls by name: their components, their values, and the settings that these make."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

import gradio as gr
from gradio.components import Component

from analysis.methods import methods
from app.state.answer import heading_of
from app.state.examples import Example
from app.state.link_fields import Field
from app.state.run import AnswerSettings
from app.state.settings.view_settings import ViewSettings

Values: TypeAlias = Mapping[str, Any]
"""The controls' values by name."""

Data: TypeAlias = Mapping[Any, Any]
"""What Gradio gives to a listener: the values by component."""

Part: TypeAlias = Literal["question", "view", "answers", "what-if", "check"]
"""The part of the work that a control belongs to."""

AT_ONCE: dict[str, Any] = {
    "show_progress": "hidden",
    "queue": False,
    "trigger_mode": "always_last",
}
"""How a control follows another control, whether the visitor or a link changes that one."""

C = TypeVar("C", bound=Component)


@dataclass(frozen=True)
class Control:
    """A control.

    Attributes:
        component: Its component.
        part: The part of the work that it belongs to.
        link: Its field in a permalink, if it has one.
        locked: Whether the stored example does not allow it.
        info: What stands beside it where the stored example does not lock it.
    """

    component: Component
    part: Part
    link: Field | None = None
    locked: bool = False
    info: str = ""


@dataclass
class Controls:
    """The controls of the tab by name. `app/explore/control_column.py` adds them.

    Attributes:
        by_name: The controls.
    """

    by_name: dict[str, Control] = field(default_factory=dict)

    def add(
        self,
        name: str,
        component: C,
        part: Part,
        link: Field | None = None,
        *,
        locked: bool = False,
        info: str = "",
    ) -> C:
        """Adds a control and returns its component.

        Args:
            name: Its name.
            component: Its component.
            part: The part of the work that it belongs to.
            link: Its field in a permalink, if it has one.
            locked: Whether the stored example does not allow it.
            info: What stands beside it where the stored example does not lock it.
        """
        self.by_name[name] = Control(component, part, link, locked, info)
        return component

    def follow(self, name: str, followers: list[str], used: str) -> None:
        """Enables controls where another control has a value that uses them.

        The browser decides it: replies of a server that is busy could overtake each other.

        Args:
            name: Name of the other control.
            followers: Names of the controls.
            used: In JavaScript, whether a `value` uses them.
        """
        source: Any = self[name]
        outputs = [self[one] for one in followers]
        update = '{ __type__: "update", interactive: ' + used + " }"
        updates = ", ".join([update] * len(outputs))
        script = f"(value) => [{updates}]" if len(outputs) > 1 else f"(value) => ({update})"
        source.change(None, source, outputs, js=script, show_progress="hidden")

    def __getitem__(self, name: str) -> Component:
        """The component of a control."""
        return self.by_name[name].component

    def of(self, *parts: Part) -> list[Component]:
        """The components of some parts of the work."""
        return [control.component for control in self.by_name.values() if control.part in parts]

    @property
    def linked(self) -> dict[str, Component]:
        """The components that a permalink restores, by name."""
        return {name: control.component for name, control in self.by_name.items() if control.link}

    @property
    def locked(self) -> dict[Component, str]:
        """The components that the stored example does not allow, with what else stands beside."""
        return {
            control.component: control.info for control in self.by_name.values() if control.locked
        }

    @property
    def link_fields(self) -> dict[str, Field]:
        """The fields of a permalink, by name."""
        return {name: control.link for name, control in self.by_name.items() if control.link}

    def values(self, data: Data) -> Values:
        """The controls' values by name, from the values by component."""
        return {
            name: data[control.component]
            for name, control in self.by_name.items()
            if control.component in data
        }

    def components(self, values: Values) -> dict[Component, Any]:
        """The values by component, from the controls' values by name."""
        return {self[name]: value for name, value in values.items()}

    @property
    def view_events(self) -> list[Any]:
        """The events that change the view settings."""
        events = []
        control: Any
        for control in self.of("view"):
            match control:
                case gr.Slider():
                    events.append(control.release)
                case gr.Textbox():
                    events += [control.submit, control.blur]
                case _:
                    events.append(control.input)
        return events


def view_settings_of(values: Values) -> ViewSettings:
    """The view settings that the controls' values make, with a position that can be read."""
    return ViewSettings(
        lens=values["lens"],
        show=values["show"],
        position=values["position"],
        metric=values["metric"],
        normalisation=values["normalisation"],
        temperature=float(values["softmax_temperature"] or 1),
        span=values["layers"] or "",
        signal=values["signal"],
        relative=bool(values["relative"]),
    ).readable


def with_values(view_settings: ViewSettings, values: Values) -> ViewSettings:
    """View settings with the values of some controls in the place of their own."""
    return view_settings_of({**_view_values(view_settings), **values})


def answer_settings_of(values: Values) -> AnswerSettings:
    """The answer settings that the controls' values make."""
    from analysis.inference.decoding.sampling import Sampling  # its torch takes seconds

    names = [name for name in methods() if name in values["methods"]]
    return AnswerSettings(
        methods=(*names, *values["alone"]),
        new_tokens=int(values["new_tokens"]),
        sampling=Sampling(
            float(values["temperature"]), float(values["top_p"]), int(values["seed"] or 0)
        ),
        lens=values["lens"],
        reading=view_settings_of(values).weight_settings,
    )


def values_of(
    query: str,
    adapters: Sequence[str],
    view_settings: ViewSettings,
    answer_settings: AnswerSettings | None,
) -> dict[str, Any]:
    """The controls' values that restore a run; without the answers if it has none.

    Args:
        query: The question.
        adapters: Names of the adapters of the run.
        view_settings: The view settings.
        answer_settings: The answer settings, if there are answers.
    """
    values = {"query": query, "adapters": list(adapters), **_view_values(view_settings)}
    if answer_settings is None:
        return values
    sampling = answer_settings.sampling
    return values | {
        "methods": [name for name in answer_settings.methods if ":" not in name],
        "alone": [name for name in answer_settings.methods if ":" in name],
        "new_tokens": answer_settings.new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
    }


def _view_values(view_settings: ViewSettings) -> dict[str, Any]:
    return {
        "lens": view_settings.lens,
        "show": view_settings.show,
        "position": view_settings.position,
        "metric": view_settings.metric,
        "normalisation": view_settings.normalisation,
        "softmax_temperature": view_settings.temperature,
        "layers": view_settings.span,
        "signal": view_settings.signal,
        "relative": view_settings.relative,
    }


def method_choices() -> list[tuple[str, str]]:
    """Labels and names of the methods, without those that take one adapter."""
    return [(rule.label, rule.name) for rule in methods().values() if not rule.of_adapter]


def alone_choices(labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """Labels and names of the methods that take one adapter, with each adapter."""
    names = [
        f"{rule.name}:{adapter}"
        for rule in methods().values()
        if rule.of_adapter
        for adapter in labels
    ]
    return [(heading_of(name, labels).label, name) for name in names]


def alone_for(example: Example, alone: list[str], adapters: Container[str]) -> list[str]:
    """The adapters that answer an example question alone.

    Args:
        example: The example question.
        alone: The methods that the visitor chose; if empty, no adapter answers alone.
        adapters: Names of the adapters of the collection.
    """
    if not alone or example.alone not in adapters:
        return alone
    method, _, _ = alone[0].partition(":")
    return [f"{method}:{example.alone}"]
