"""Times as the tables store them: whole microseconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_microseconds(time: datetime | str) -> int:
    """Return a time, or a text in ISO 8601, as microseconds since 1970 UTC; one without a zone is taken as UTC.

    Raises:
        ValueError: the text is no time.
    """
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1)
