"""Questions about the answers of a run: where two part, and which are right."""

from __future__ import annotations

from app.learn.lesson_run import LessonRun
from app.learn.questions.outcome import Option, Outcome, Question, fixed
from app.state.answers_panel import AnswerCard

_MOST_WORDS = 4
_COUNTS = ("none", "one", "two", "three", "more")


def _parting(run: LessonRun) -> Outcome | None:
    pair = _pair(run)
    if pair is None:
        return None
    place = pair[0]
    key = "never" if place is None else "start" if place == 0 else "later"
    # The tokens there are what the check asks for.
    facts = {"place": "" if place is None else str(place + 1)}
    return Outcome("parting", (key,), fixed("start", "later", "never"), facts=facts, said=key)


def _parting_word(run: LessonRun) -> Outcome | None:
    """The token that the second answer has where the two part, among others of the answers."""
    pair = _pair(run)
    if pair is None:
        return None
    place, first, second = pair
    mine, right = _token(first, place), _token(second, place)
    facts = {"first": mine, "second": right}
    said = "never" if place is None else "end" if not right else "any" if mine else "longer"
    # Only tokens that the answers show.
    words = [name for text, _, name in second.tokens if text]
    others = dict.fromkeys(word for word in (mine, *words) if word and word != right)
    chosen = sorted({*([right] if right else []), *list(others)[: _MOST_WORDS - 1]})
    options = [Option(f"t{at}", word) for at, word in enumerate(chosen)]
    key = f"t{chosen.index(right)}" if right else said
    return Outcome(
        "parting-word", (key,), (*options, *fixed("end", "never")), facts=facts, said=said
    )


def _pair(run: LessonRun) -> tuple[int | None, AnswerCard, AnswerCard] | None:
    """The first two answers, and the place of the first token that differs; None if there is none.

    A token that ends an answer may have no text, but counts as a token.
    """
    if len(run.answers) < 2:
        return None
    first, second = run.answers[:2]
    mine, its = ([token for _, _, token in card.tokens] for card in (first, second))
    shared = min(len(mine), len(its))
    place = next((at for at in range(shared) if mine[at] != its[at]), None)
    if place is None and len(mine) != len(its):
        place = shared
    return place, first, second


def _token(card: AnswerCard, place: int | None) -> str:
    """The token at a place; empty where the answer ends there."""
    if place is None or place >= len(card.tokens):
        return ""
    shown, _, name = card.tokens[place]
    ends = not shown and place == len(card.tokens) - 1
    return "" if ends else name


def _right_answers(run: LessonRun) -> Outcome | None:
    verdicts = [card.verdict for card in run.answers]
    if not verdicts or len(verdicts) >= len(_COUNTS) or None in verdicts:
        return None
    right = [card.label for card in run.answers if card.verdict and card.verdict.right]
    key = _COUNTS[len(right)]
    facts = {"right": ", ".join(right), "answers": str(len(verdicts))}
    options = fixed(*_COUNTS[: len(verdicts) + 1])
    return Outcome("right-answers", (key,), options, facts=facts, said=key)


def _different_answers(run: LessonRun) -> Outcome | None:
    if not 2 <= len(run.answers) < len(_COUNTS):
        return None
    count = len({card.text for card in run.answers})
    key = _COUNTS[count]
    options = fixed(*_COUNTS[1 : len(run.answers) + 1])
    facts = {"answers": str(len(run.answers))}
    return Outcome("different-answers", (key,), options, facts=facts, said=key)


QUESTIONS = (
    Question(
        "parting",
        _parting,
        ("start", "later", "never"),
        facts=("place",),
        said=("start", "later", "never"),
    ),
    Question(
        "parting-word",
        _parting_word,
        more_choices=("end", "never"),
        facts=("first", "second"),
        said=("any", "longer", "end", "never"),
    ),
    Question(
        "right-answers",
        _right_answers,
        _COUNTS[:4],
        facts=("right", "answers"),
        adapters=2,
        needs_right=True,
        said=_COUNTS[:4],
    ),
    Question(
        "different-answers",
        _different_answers,
        _COUNTS[1:4],
        facts=("answers",),
        adapters=2,
        said=_COUNTS[1:4],
    ),
)
