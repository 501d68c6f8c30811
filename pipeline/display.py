"""Numbers, times and sizes as text: how the report and the terminal show values."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable

FEW = 30
_RARE = 0.01
_NEVER = 1e-4
_LEAST = 1e-12
_MOST_OF_A_UNIT = 100  # from here on the next larger unit is used
_NARROW = "\u202f"
_BLANK = "\u00a0"


def count(number: object, noun: str = "") -> str:
    """`1,234`, or with a noun `1 pod`, `2 pods`."""
    value = int(str(number or 0))
    plural = "" if value == 1 or not noun else "es" if noun.endswith("s") else "s"
    return f"{value:,} {noun}{plural}" if noun else f"{value:,}"


def percent(share: float) -> str:
    """`25 %`, `33.3 %`; a share just above 0 is `<0.1 %`, and one just below 1 is `>99.9 %`."""
    if 0 < share < 0.0005:
        return f"<0.1{_NARROW}%"
    if 0.9995 <= share < 1:
        return f">99.9{_NARROW}%"
    return f"{100 * share:.1f}".removesuffix(".0") + f"{_NARROW}%"


def chance(p_value: float) -> str:
    """A p-value in per cent: `38 %`, `0.2 %`, `<0.1 %`."""
    return percent(p_value) if p_value < _RARE or p_value > 1 - _RARE else f"{100 * p_value:.0f}{_NARROW}%"


def p_words(p_value: float) -> str:
    """A p-value with its meaning: `p = 0.03, 3 % by chance`."""
    if p_value >= _RARE:
        return f"{p_short(p_value)}, {chance(p_value)} by chance"
    return f"{p_short(p_value)}, {'not' if p_value < _NEVER else 'rarely'} by chance"


def p_short(p_value: float) -> str:
    """`p = 0.03`, `p < 1e-12`."""
    if p_value < _LEAST:
        return "p < 1e-12"
    return f"p = {p_value:.2g}"


def share_of(part: object, whole: object, nouns: str = "") -> str:
    """`67 % (600 of 900)`, or with nouns `600 of 900 pods (67 %)`; `none of 0` where the whole is 0."""
    part_count, whole_count = int(str(part or 0)), int(str(whole or 0))
    if not whole_count:
        return "none of 0"
    share = percent(part_count / whole_count)
    if nouns:
        return f"{part_count:,} of {whole_count:,} {nouns} ({share})"
    return f"{share} ({part_count:,}{_BLANK}of{_BLANK}{whole_count:,})"


def between(part: object, known: object, unknown: object) -> str:
    """`67 to 100 % (603 of 900, 297 unknown)`: the bounds of a share whose part is unknown for some."""
    part_count, unknown_count = int(str(part or 0)), int(str(unknown or 0))
    whole_count = int(str(known or 0)) + unknown_count
    if not unknown_count:
        return share_of(part_count, whole_count)
    share = bounds(part_count, whole_count, unknown_count)
    return f"{share} ({part_count:,}{_BLANK}of{_BLANK}{whole_count:,}, {unknown_count:,} unknown)"


def bounds(part: int, whole: int, unknown: int) -> str:
    """`67 to 100 %`: the least and the largest share, as `unknown` of the whole may or may not be in the part."""
    least, most = percent(part / whole), percent((part + unknown) / whole)
    return most if least == most else f"{least.removesuffix(f'{_NARROW}%')} to {most}"


def moment(us: object, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time in UTC, from microseconds since 1970."""
    return datetime.fromtimestamp(int(str(us)) / 1e6, UTC).strftime(form)


def fine_moment(us: object) -> str:
    """A time in UTC, with milliseconds unless it is a whole second."""
    return moment(us, "%Y-%m-%d %H:%M:%S.%f")[:-3].removesuffix(".000")


def seconds(value: object) -> str:
    """`0.1 s`; smaller values in ms or µs."""
    number = float(str(value))
    for unit, scale in ("µs", 1e6), ("ms", 1e3):
        if 0 < abs(number) * scale < _MOST_OF_A_UNIT:
            return f"{number * scale:,.4g}{_NARROW}{unit}"
    return f"{number:,g}{_NARROW}s"


def sentence(text: str) -> str:
    """`text` with a capital letter at its start and a full stop at its end."""
    return text[:1].upper() + text[1:] + ("." if text[-1:] not in (".", "?", "!", "") else "")


def size(byte_count: object) -> str:
    """`1.2 MB`."""
    value = float(str(byte_count))
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g}{_NARROW}{unit}"
        value /= 1000
    return f"{value:,.3g}{_NARROW}TB"


def shown(column: str, value: object) -> str:
    """`value` as a table cell of `column` shows it; NULL gives an empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    suffix = column.rpartition("_")[2]
    if suffix in ("share", "probability"):
        return percent(float(str(value)))
    if column.endswith("p_value"):
        return p_short(float(str(value))).removeprefix("p = ").removeprefix("p ")
    by_suffix: dict[str, Callable[[object], str]] = {
        "count": count,
        "us": fine_moment,
        "bytes": size,
        "s": seconds,
        "index": lambda v: f"{float(str(v)):.3f}",
        "ratio": lambda v: f"{float(str(v)):.2f}{_NARROW}×",
        "deviance": lambda v: f"{float(str(v)):,.1f}",
        "choices": lambda v: f"{float(str(v)):,.1f}",
        "clients": lambda v: f"{float(str(v)):,.1f}",
        "square": lambda v: f"{float(str(v)):,.1f}",
    }
    return by_suffix.get(suffix, str)(value)


def code(text: str) -> Markup:
    """`text` as HTML, with parts between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def oneline(text: str) -> str:
    """`text` on one line, with single spaces."""
    return re.sub(r"[ \n]+", " ", str(text)).strip()


def raw(value: object) -> str:
    """A value as CSV writes it: NULL as an empty text, fractions with nine digits."""
    if value is None:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def plain_text(text: str) -> str:
    """Return `text` without control characters and narrow spaces, safe to print on a terminal."""
    return "".join(c for c in text.replace(_NARROW, " ").replace(_BLANK, " ") if c.isprintable() or c == "\n")
