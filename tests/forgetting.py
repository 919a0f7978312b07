"""An engine as if nobody had asked it anything yet."""

from __future__ import annotations

from analysis.engine import Engine


def forget(engine: Engine) -> None:
    """Drops all that an engine has kept: a test must not depend on what others asked before."""
    engine.kept.drop(lambda key: True)
    engine.kept_answers.clear()
