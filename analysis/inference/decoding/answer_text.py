"""From tokens to text that only grows."""

from __future__ import annotations

from analysis.inference.vocabulary import Vocabulary


class AnswerText:
    """Turns one row's tokens into text as they come.

    Args:
        vocabulary: The base model's.
        stop: Texts that end the answer; they are cut off.
    """

    def __init__(self, vocabulary: Vocabulary, stop: tuple[str, ...]) -> None:
        self._vocabulary = vocabulary
        self._stop = stop
        self._ids: list[int] = []
        self._shown = 0

    def push(self, token: int, last: bool) -> tuple[str, bool]:
        """Takes a token.

        Args:
            token: Its id.
            last: Whether this is the last token, so that the beginning of a stop text is shown.

        Returns:
            The new text, and whether a stop text was met.
        """
        self._ids.append(token)
        text = self._vocabulary.text(self._ids)
        met = [place for stop in self._stop if (place := text.find(stop)) >= 0]
        if met:
            text = text[: min(met)]
        else:
            # A replacement character at the end is a character whose bytes are still to come.
            text = text.rstrip("\ufffd")
            if not last:
                text = text[: len(text) - self._begun(text)]
        delta = text[self._shown :]
        self._shown = max(self._shown, len(text))
        return delta, bool(met)

    def _begun(self, text: str) -> int:
        """Length of the longest end of the text that begins a stop string."""
        return max(
            (
                length
                for stop in self._stop
                for length in range(1, min(len(stop), len(text) + 1))
                if text.endswith(stop[:length])
            ),
            default=0,
        )
