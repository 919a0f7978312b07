"""QR codes of links, drawn by a library."""

from __future__ import annotations

from analysis.common.errors import InputError

LONGEST = 1000
"""The most characters of a link; more make a code that phones cannot read from a wall."""


def qr_rows(link: str) -> tuple[str, ...]:
    """The squares of a QR code row by row, `1` for a dark one, with its margin.

    Raises:
        InputError: The text is no link to a page, or too long.
    """
    import segno

    if not link.startswith(("http://", "https://")) or len(link) > LONGEST:
        raise InputError(
            f"{link!r:.60} cannot be a QR code: give a link of at most {LONGEST} characters."
        )
    matrix = segno.make_qr(link, error="m").matrix_iter(border=4)
    return tuple("".join("1" if dark else "0" for dark in row) for row in matrix)
