"""Times as tshark writes them, turned into seconds since 1970 UTC as exact text; never through a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EPOCH = re.compile(r"-?\d{1,10}(?:\.\d{1,9})?")
_ISO = re.compile(r"(\d{4}-\d\d-\d\d|\d{4}/\d{3})[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?(.*)")
_WORDS = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}), (\d{4}) (\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?(.*)")
_TIME_OF_DAY = re.compile(r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?")
_RELATIVE = re.compile(r"(-?)(\d{1,10})(?:\.(\d{1,9}))?")
_NUMERIC_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)")
_MONTHS = {"JanFebMarAprMayJunJulAugSepOctNovDec"[3 * n : 3 * n + 3]: n + 1 for n in range(12)}
# Names that have stood for one offset only, in all the world's zones, since 2012: hours east of UTC.
_ZONES = {"UTC": 0, "GMT": 0, "Z": 0, "Coordinated Universal Time": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1,
          "CEST": 2, "MET": 1, "MEST": 2, "EET": 2, "EEST": 3, "IDT": 3, "WAT": 1, "CAT": 2, "SAST": 2, "EAT": 3,
          "PKT": 5, "WIB": 7, "WITA": 8, "WIT": 9, "HKT": 8, "JST": 9, "AWST": 8, "ACST": 9.5, "ACDT": 10.5,
          "AEST": 10, "AEDT": 11, "ChST": 10, "NZST": 12, "NZDT": 13, "SST": -11, "HST": -10, "HDT": -9, "AKST": -9,
          "AKDT": -8, "PDT": -7, "MST": -7, "MDT": -6, "EST": -5, "EDT": -4, "AST": -4, "ADT": -3, "NST": -3.5,
          "NDT": -2.5}  # fmt: skip


class UnclearTimeError(ValueError):
    """It is a time, and more is needed to know which."""


@dataclass(slots=True)
class Clock:
    """The times of one export, as its cells tell them, and what is wrong with them as a whole.

    `zone` is taken where a date names none; `zero` is the time that relative ones count from, as `epoch` gives it.
    """

    zone: str | None = None
    zero: str | None = None
    is_running: bool = False
    relative_count: int = 0
    zoneless_count: int = 0
    unclear_count: int = 0
    coarse_count: int = 0
    unclear: str = ""

    def time(self, cells: Mapping[str, str]) -> str | None:
        """When a packet was captured; None where its cells do not tell.

        Raises:
            ValueError: a cell that should hold a time does not.
        """
        if text := cells.get("frame.time_epoch") or cells.get("frame.time_utc") or cells.get("frame.time"):
            return text if _EPOCH.fullmatch(text) else self._date(text)
        if text := cells.get("frame.time_relative"):
            if self.zero:
                self.is_running = True
                return later(self.zero, text)
            self.relative_count += 1
        return None

    def another_export(self) -> None:
        """What follows is of another export, whose relative times count from another time."""
        if self.is_running:
            self.zero = None

    def _date(self, text: str) -> str | None:
        try:
            return epoch(text)
        except UnclearTimeError:
            if self.zone and not _zone_of(text):
                self.zoneless_count += 1
                return epoch(f"{text} {self.zone}")
            self.unclear_count += 1
            self.unclear = self.unclear or text
            return None

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the times read so far."""
        if self.relative_count:
            message = (
                f"the times of {self.relative_count} packets count from the start of the capture; they have no time"
            )
            remedy = "export frame.time_epoch, or say when the capture began: --time-zero FILE=TIME"
            yield Finding.declared("relative-times", message, remedy)
        if self.unclear_count:
            message = (
                f"the times of {self.unclear_count} packets can mean several, such as {self.unclear!r}; they have none"
            )
            yield Finding.declared("unclear-times", message, "export frame.time_epoch, or set TZ=UTC for tshark")
        if self.coarse_count:
            message = f"the times of {self.coarse_count} packets are whole milliseconds"
            yield Finding.declared("coarse-times", message, "export frame.time_epoch as well")
        if self.zoneless_count:
            message = f"the dates of {self.zoneless_count} packets name no time zone and are taken for UTC"
            yield Finding.declared("zone-assumed", message, "export frame.time_epoch; `-t ad` prints local time")


def epoch(text: str) -> str:
    """A time as `seconds.fraction`.

    Raises:
        UnclearTimeError: it has no date, no zone, or a zone whose name can mean several.
        ValueError: it is no time.
    """
    if _EPOCH.fullmatch(text):
        return text
    if _TIME_OF_DAY.fullmatch(text):
        raise UnclearTimeError(f"{text!r} is a time without a date")
    if m := _ISO.fullmatch(text):
        day, clock, fraction, zone = m.groups()
    elif (m := _WORDS.fullmatch(text)) and m[1] in _MONTHS:
        day, clock, fraction, zone = f"{m[3]}-{_MONTHS[m[1]]:02}-{m[2]:0>2}", m[4], m[5], m[6]
    else:
        raise ValueError(f"{text!r} is no time")
    return f"{_seconds(day, clock) - _offset(zone)}.{fraction or 0}"


def later(zero: str, relative: str) -> str:
    """The time that is `relative` seconds after `zero`, both with up to nine decimals.

    Raises:
        ValueError: `relative` is no decimal number.
    """
    if not (m := _RELATIVE.fullmatch(relative)):
        raise ValueError(f"{relative!r} is no number of seconds")
    sign = -1 if m[1] else 1
    seconds, _, fraction = zero.partition(".")
    total = int(seconds) * 10**9 + int(f"{fraction:0<9}") + sign * int(f"{m[2]}{m[3] or '':0<9}")
    return f"{total // 10**9}.{total % 10**9:09}"


def _zone_of(text: str) -> str:
    m = _ISO.fullmatch(text) or _WORDS.fullmatch(text)
    return m[m.re.groups] if m else "none"


@lru_cache(maxsize=1024)
def _seconds(day: str, clock: str) -> int:
    date = datetime.strptime(day, "%Y/%j") if "/" in day else datetime.fromisoformat(day)  # noqa: DTZ007
    hour, minute, second = map(int, clock.split(":"))
    time = date.replace(tzinfo=UTC) + timedelta(hours=hour, minutes=minute, seconds=second)
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def _offset(zone: str) -> int:
    """Seconds east of UTC."""
    if zone in _ZONES:
        return int(_ZONES[zone] * 3600)
    if m := _NUMERIC_ZONE.fullmatch(zone):
        return (1 if m[1] == "+" else -1) * (int(m[2]) * 3600 + int(m[3]) * 60)
    raise UnclearTimeError(f"the time zone {zone!r} can mean several" if zone else "no time zone")
