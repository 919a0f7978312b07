"""The proxies that are believed when they say who asks.

Each proxy adds the address that it saw to the end of `X-Forwarded-For`; all before that may be the
visitor's own invention. uvicorn takes the last address that is none of a proxy that it trusts. With
`*` it takes the first one instead, by which a visitor could be somebody else at each request.
"""

from __future__ import annotations

EVERYBODY = "*"
"""What uvicorn understands as trust in every proxy."""

OWN_NETWORKS = (
    "127.0.0.0/8", "::1/128",  # this machine
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7",  # private
    "169.254.0.0/16", "fe80::/10",  # of one link
)  # fmt: skip
"""The networks that no visitor from the internet has an address in."""


def trusted_proxies(named: str | None, *, on_space: bool) -> str | None:
    """The addresses of trusted proxies, as `FORWARDED_ALLOW_IPS` takes them.

    Args:
        named: What the operator named; None for nothing.
        on_space: Whether this is a Space, which only the proxies of Spaces reach.

    Returns:
        None for uvicorn's default, this machine alone.
    """
    trusted = named or (EVERYBODY if on_space else None)
    return ",".join(OWN_NETWORKS) if trusted == EVERYBODY else trusted
