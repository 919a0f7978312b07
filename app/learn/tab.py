"""The Learn tab: loads the lessons, lays out the tab and connects its events."""

from __future__ import annotations

import gradio as gr

from app.learn import layout
from app.learn.handlers import Handlers
from app.learn.lesson_service import LessonService
from app.learn.lessons import load_lessons
from app.learn.texts import load_interface
from app.server.event_options import AT_ONCE, CELL, REQUEST
from app.services.tabs import Tab, TabContext
from app.state import link_fields
from app.state.examples import load_examples
from app.state.link_fields import Field
from app.state.session import Session


def build(context: TabContext) -> None:
    """Lays out the tab and connects its events, inside the page.

    Raises:
        InputError: A file of a lesson has a mistake.
    """
    lessons, interface = load_lessons(), load_interface()
    # The script of the tab reads and writes these keys of the address; no other tab may have them.
    known = ("", *(lesson.id for lesson in lessons))
    context.links.part(
        {
            "lesson": Field("lesson", link_fields.one_of(*known), ""),
            "lesson_language": Field("language", link_fields.one_of("", *interface), ""),
        }
    )
    parts = layout.build()
    # Lessons leave the run of Explore as it is: they have a session of their own.
    session = gr.State(Session())
    service = LessonService(context, lessons, interface, load_examples(context.collection))
    handlers = Handlers(parts, service, context.view_service, session)
    outputs, lesson, grid = handlers.outputs, parts.lesson, parts.parts["grid"]
    shown = list(parts.parts.values())
    context.tab.select(handlers.open_tab, None, [lesson], **AT_ONCE)
    lesson.run(handlers.run, {session}, outputs, **REQUEST)
    lesson.stop(handlers.stop, {session}, None, **AT_ONCE)
    lesson.show(handlers.show, {session}, shown, **CELL)
    lesson.qr(handlers.draw_qr, None, [parts.news], **AT_ONCE)
    explained = [parts.parts["explanation"], parts.parts["status"]]
    grid.cell(handlers.select_cell, {session}, explained, **CELL)
    painted = [*shown, parts.news]
    grid.paint(handlers.switch_cell, {session}, painted, **CELL)
    grid.preset(handlers.paint_preset, {session}, painted, **CELL)
    grid.undo(handlers.undo, {session}, painted, **CELL)
    lesson.undo(handlers.undo, {session}, painted, **CELL)
    lesson.reset(handlers.reset, {session}, painted, **CELL)


TAB = Tab("Learn", order=30, build=build)
