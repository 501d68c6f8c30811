"""IP addresses as text: the test for one, and the one spelling that all tables use (tshark's)."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address


@lru_cache(maxsize=1 << 16)
def is_address(text: str) -> bool:
    """Whether the text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def address(text: str) -> str:
    """Return an IP address in tshark's spelling.

    Raises:
        ValueError: the text is no IP address.
    """
    return str(ip_address(text))


def single(text: str) -> str:
    """Return the CIDR range that contains only this IP address."""
    return f"{text}/{ip_address(text).max_prefixlen}"
