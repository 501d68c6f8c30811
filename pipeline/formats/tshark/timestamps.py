"""Times as tshark prints them, converted to seconds since 1970 UTC as exact decimal text; never through a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SECONDS = re.compile(r"-?\d{1,10}(?:\.\d{1,9})?")
_ISO = re.compile(r"(\d{4}-\d\d-\d\d|\d{4}/\d{3})[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?(.*)")
_LONG_DATE = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}), (\d{4}) (\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?(.*)")
_TIME_OF_DAY = re.compile(r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?")
_RELATIVE = re.compile(r"(-?)(\d{1,10})(?:\.(\d{1,9}))?")
_NUMERIC_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)")
_MONTHS = {"JanFebMarAprMayJunJulAugSepOctNovDec"[3 * n : 3 * n + 3]: n + 1 for n in range(12)}
# Zone names that have had one offset only, everywhere, since 2012: hours east of UTC.
_ZONES = {"UTC": 0, "GMT": 0, "Z": 0, "Coordinated Universal Time": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1,
          "CEST": 2, "MET": 1, "MEST": 2, "EET": 2, "EEST": 3, "IDT": 3, "WAT": 1, "CAT": 2, "SAST": 2, "EAT": 3,
          "PKT": 5, "WIB": 7, "WITA": 8, "WIT": 9, "HKT": 8, "JST": 9, "AWST": 8, "ACST": 9.5, "ACDT": 10.5,
          "AEST": 10, "AEDT": 11, "ChST": 10, "NZST": 12, "NZDT": 13, "SST": -11, "HST": -10, "HDT": -9, "AKST": -9,
          "AKDT": -8, "PDT": -7, "MST": -7, "MDT": -6, "EST": -5, "EDT": -4, "AST": -4, "ADT": -3, "NST": -3.5,
          "NDT": -2.5}  # fmt: skip


class AmbiguousTimeError(ValueError):
    """The text is a time, but its date or zone is missing or ambiguous."""


@dataclass(slots=True)
class TimeReader:
    """Reads the packet times of one export, and counts those that cannot be used.

    `default_zone` is the zone of dates without one. `time_zero` is the start of relative times, in seconds since 1970.
    """

    default_zone: str | None = None
    time_zero: str | None = None
    has_relative_times: bool = False
    relative_count: int = 0
    zoneless_count: int = 0
    ambiguous_count: int = 0
    coarse_count: int = 0
    ambiguous_example: str = ""

    def packet_time(self, cells: Mapping[str, str]) -> str | None:
        """Return the capture time of a packet; None if its cells do not contain it.

        Raises:
            ValueError: a time cell contains something else.
        """
        if text := cells.get("frame.time_epoch") or cells.get("frame.time_utc") or cells.get("frame.time"):
            return text if _SECONDS.fullmatch(text) else self._date(text)
        if text := cells.get("frame.time_relative"):
            if self.time_zero:
                self.has_relative_times = True
                return add_seconds(self.time_zero, text)
            self.relative_count += 1
        return None

    def start_next_export(self) -> None:
        """Forget `time_zero`: the lines that follow are from another export, with another start."""
        if self.has_relative_times:
            self.time_zero = None

    def _date(self, text: str) -> str | None:
        try:
            return epoch_seconds(text)
        except AmbiguousTimeError:
            if self.default_zone and not _zone_in(text):
                self.zoneless_count += 1
                return epoch_seconds(f"{text} {self.default_zone}")
            self.ambiguous_count += 1
            self.ambiguous_example = self.ambiguous_example or text
            return None

    def findings(self) -> Iterator[Finding]:
        """Yield one finding for each problem of the times read so far."""
        if n := self.relative_count:
            message = f"the times of {n} packets count from the start of the capture; they have no time"
            yield Finding.declared("relative-times", message)
        if n := self.ambiguous_count:
            message = f"the times of {n} packets are ambiguous, such as {self.ambiguous_example!r}; they have no time"
            yield Finding.declared("unclear-times", message)
        if n := self.coarse_count:
            message = f"the times of {n} packets are whole milliseconds"
            yield Finding.declared("coarse-times", message)
        if n := self.zoneless_count:
            message = f"the dates of {n} packets have no time zone and are taken as UTC"
            yield Finding.declared("zone-assumed", message)


def epoch_seconds(text: str) -> str:
    """Return a time as `seconds.fraction` since 1970 UTC.

    Raises:
        AmbiguousTimeError: it has no date, no zone, or a zone name with several meanings.
        ValueError: it is no time.
    """
    if _SECONDS.fullmatch(text):
        return text
    if _TIME_OF_DAY.fullmatch(text):
        raise AmbiguousTimeError(f"{text!r} is a time without a date")
    if m := _ISO.fullmatch(text):
        day, time, fraction, zone = m.groups()
    elif (m := _LONG_DATE.fullmatch(text)) and m[1] in _MONTHS:
        day, time, fraction, zone = f"{m[3]}-{_MONTHS[m[1]]:02}-{m[2]:0>2}", m[4], m[5], m[6]
    else:
        raise ValueError(f"{text!r} is no time")
    return f"{_whole_seconds(day, time) - _zone_offset(zone)}.{fraction or 0}"


def add_seconds(time_zero: str, relative: str) -> str:
    """Return the time that is `relative` seconds after `time_zero`, both with up to nine decimals.

    Raises:
        ValueError: `relative` is no decimal number.
    """
    if not (m := _RELATIVE.fullmatch(relative)):
        raise ValueError(f"{relative!r} is no number of seconds")
    sign = -1 if m[1] else 1
    seconds, _, fraction = time_zero.partition(".")
    total_ns = int(seconds) * 10**9 + int(f"{fraction:0<9}") + sign * int(f"{m[2]}{m[3] or '':0<9}")
    return f"{total_ns // 10**9}.{total_ns % 10**9:09}"


def _zone_in(text: str) -> str:
    m = _ISO.fullmatch(text) or _LONG_DATE.fullmatch(text)
    return m[m.re.groups] if m else "none"


@lru_cache(maxsize=1024)
def _whole_seconds(day: str, time: str) -> int:
    date = datetime.strptime(day, "%Y/%j") if "/" in day else datetime.fromisoformat(day)  # noqa: DTZ007
    hour, minute, second = map(int, time.split(":"))
    moment = date.replace(tzinfo=UTC) + timedelta(hours=hour, minutes=minute, seconds=second)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def _zone_offset(zone: str) -> int:
    """Return seconds east of UTC."""
    if zone in _ZONES:
        return int(_ZONES[zone] * 3600)
    if m := _NUMERIC_ZONE.fullmatch(zone):
        return (1 if m[1] == "+" else -1) * (int(m[2]) * 3600 + int(m[3]) * 60)
    raise AmbiguousTimeError(f"the time zone {zone!r} is ambiguous" if zone else "no time zone")
