"""Times as tshark writes them, turned into seconds since 1970 UTC as exact text; never through a float."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = re.compile(r"-?\d{1,10}(?:\.\d{1,9})?")
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?(.*)")
_WORDS = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}), (\d{4}) (\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?(.*)")
_NUMERIC_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)")
_UTC = ("UTC", "GMT", "Z", "Coordinated Universal Time")
_MONTHS = {"JanFebMarAprMayJunJulAugSepOctNovDec"[3 * n : 3 * n + 3]: n + 1 for n in range(12)}


def epoch(text: str, zone: str | None = None) -> str:
    """A time as `seconds.fraction`; `zone` is taken where the text names none.

    Raises:
        ValueError: it is no time, or its zone is not known.
    """
    if _EPOCH.fullmatch(text):
        return text
    if m := _ISO.fullmatch(text):
        day, clock, fraction, named = m.groups()
    elif (m := _WORDS.fullmatch(text)) and m[1] in _MONTHS:
        day, clock, fraction, named = f"{m[3]}-{_MONTHS[m[1]]:02}-{m[2]:0>2}", m[4], m[5], m[6]
    else:
        raise ValueError(f"{text!r} is no time")
    return f"{_seconds(day, clock) - _offset(named or zone or '')}.{fraction or 0}"


@lru_cache(maxsize=1024)
def _seconds(day: str, clock: str) -> int:
    time = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def _offset(zone: str) -> int:
    """Seconds east of UTC."""
    if zone in _UTC:
        return 0
    if m := _NUMERIC_ZONE.fullmatch(zone):
        return (1 if m[1] == "+" else -1) * (int(m[2]) * 3600 + int(m[3]) * 60)
    raise ValueError(f"the time zone {zone!r} can mean several; export frame.time_epoch" if zone else "no time zone")
