"""Times of packets: exact to the microsecond, or missing with a finding that contains the reason."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.formats.source import Source
from pipeline.formats.tshark.ek_export import FORMAT as EK
from pipeline.formats.tshark.fields_export import FORMAT as FIELDS
from pipeline.formats.tshark.layout import read_layout
from pipeline.formats.tshark.summary_export import FORMAT as SUMMARY
from pipeline.formats.tshark.timestamps import AmbiguousTimeError, add_seconds, epoch_seconds
from pipeline.schema.findings import Finding
from tests.conftest import lacking

CAPTURE = Path(__file__).parent / "samples" / "pcap" / "crafted.pcap"
ZERO = "1700000000.001000000"
NS = st.integers(10**18, 2 * 10**18)


def seconds(ns: int) -> str:
    return f"{'-' if ns < 0 else ''}{abs(ns) // 10**9}.{abs(ns) % 10**9:09}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1700000000.001000000", "1700000000.001000000"),
        ("Nov 14, 2023 22:13:20.001000000 UTC", "1700000000.001000000"),
        ("Nov 14, 2023 17:13:20.001000000 EST", "1700000000.001000000"),
        ("Nov  4, 2023 22:13:20.5 GMT", "1699136000.5"),
        ("Nov 14, 2023 17:13:20.001 -0500", "1700000000.001"),
        ("2023-11-14T22:13:20.001000000Z", "1700000000.001000000"),
        ("2023/318 22:13:20.001 UTC", "1700000000.001"),
    ],
)
def test_times_are_exact(text, expected):
    assert epoch_seconds(text) == expected


@pytest.mark.parametrize("text", ["Nov 14, 2023 17:13:20.001 IST", "Nov 14, 2023 22:13:20", "22:13:20.5"])
def test_an_ambiguous_time_is_refused(text):
    with pytest.raises(AmbiguousTimeError, match="time"):
        epoch_seconds(text)


@pytest.mark.parametrize("text", ["yesterday", "", "Foo 14, 2023 22:13:20 UTC", "17:13"])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match="is no time"):
        epoch_seconds(text)


@given(zero=NS, relative=st.integers(-(10**15), 10**15))
def test_a_relative_time_is_added_exactly(zero, relative):
    assert add_seconds(seconds(zero), seconds(relative)) == seconds(zero + relative)


def test_each_known_zone_name_has_one_offset():
    from pipeline.formats.tshark.timestamps import _ZONES

    if not (names := available_timezones()):
        lacking("no time zone database")
    found = {
        (at.tzname(), at.utcoffset().total_seconds() / 3600)
        for name in names
        for at in moments(name)
        if at.tzname() in _ZONES and not name.startswith(("Etc/", "posix", "right"))
    }
    assert {(name, _ZONES[name]) for name, _ in found} == found


def moments(zone: str):
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    days = (datetime(year, month, 20, 12, tzinfo=UTC) for year in range(2012, 2026) for month in (1, 7, 10))
    return (day.astimezone(ZoneInfo(zone)) for day in days)


def times_and_findings(lines) -> tuple[list[str | None], list[str]]:
    """Times of the rows, and names of the findings."""
    lines = list(lines)
    times = [line[1].get("frame.time_epoch") for line in lines if isinstance(line, tuple)]
    return times, [line.finding for line in lines if isinstance(line, Finding)]


def fields(text: str, zero: str | None = None) -> tuple[list[str | None], list[str]]:
    return times_and_findings(FIELDS.lines(enumerate(text.splitlines(), 1), read_layout(text), zero))


RELATIVE = "frame.time_relative\tip.proto\tip.src\n0.000000000\t6\t10.0.0.1\n-0.5\t6\t10.0.0.1\n"


def test_relative_times_are_a_finding_and_exact_with_a_time_zero():
    assert fields(RELATIVE) == ([None, None], ["relative-times"])
    assert fields(RELATIVE, ZERO) == ([ZERO, "1699999999.501000000"], [])


def test_a_time_zero_applies_to_one_export_only():
    assert fields(RELATIVE + RELATIVE, ZERO) == ([ZERO, "1699999999.501000000", None, None], ["relative-times"])


@pytest.mark.parametrize("times", [("frame.time_delta",), ("frame.time_delta_displayed", "tcp.time_relative")])
def test_times_since_another_packet_are_not_used(times):
    text = "\t".join([*times, "ip.proto", "ip.src"]) + "\n" + "0.5\t" * len(times) + "6\t10.0.0.1\n"
    assert fields(text, ZERO) == ([None], [])


def test_a_packet_with_an_ambiguous_time_is_kept_without_a_time():
    rows = (f"Nov 14, 2023 22:13:20.5 {zone}\t6\t10.0.0.1\n" for zone in ("IST", "UTC"))
    text = "frame.time\tip.proto\tip.src\n" + "".join(rows)
    assert fields(text) == ([None, "1700000000.5"], ["unclear-times"])


def test_ek_lines_without_a_time_field_have_milliseconds(tmp_path):
    path = tmp_path / "some.ek"
    path.write_text('{"timestamp":"1700000000001","layers":{"ip_src":["10.0.0.1"]}}\n')
    assert times_and_findings(EK.lines(Source(path, path.name))) == (["1700000000.001"], ["coarse-times"])


@pytest.mark.tshark
@pytest.mark.parametrize(
    ("option", "time", "findings"),
    [
        ("a", None, ["unclear-times"]),
        ("ad", "1700000000.001000", ["zone-assumed"]),
        ("adoy", "1700000000.001000", ["zone-assumed"]),
        ("d", None, ["relative-times"]),
        ("dd", None, ["relative-times"]),
        ("e", "1700000000.001000", []),
        ("r", None, ["relative-times"]),
        ("u", None, ["unclear-times"]),
        ("ud", "1700000000.001000", ["zone-assumed"]),
        ("udoy", "1700000000.001000", ["zone-assumed"]),
    ],
)
def test_every_time_format_of_the_summary(option, time, findings, tmp_path):
    if not shutil.which("tshark"):
        lacking("no tshark")
    command = ["tshark", "-n", "-r", str(CAPTURE), "-t", option, "-c", "1"]
    done = subprocess.run(command, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"}, capture_output=True, check=True)
    path = tmp_path / "summary.txt"
    path.write_bytes(done.stdout)
    source = Source(path, path.name)
    assert SUMMARY.recognise(source.head()) == 85
    assert times_and_findings(SUMMARY.lines(source)) == ([time], findings)
