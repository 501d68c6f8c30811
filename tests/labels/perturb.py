"""Spoils a capture in one known way; what remains must never be labelled wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb

Spoiler = Callable[[Path], None]
_TIME, _SEQ, _TSVAL = '"frame.time_epoch"', '"tcp.seq_raw"', '"tcp.options.timestamp.tsval"'


def exports(capture: Path) -> list[Path]:
    """The tshark exports of a capture, by node."""
    return sorted(p for p in capture.glob("nodes/*/*.tsv*"))


def rewrite(path: Path, select: str) -> None:
    """Replace an export by what `select` makes of its lines (text cells, `line` is the place of each)."""
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE export AS SELECT *, row_number() OVER () AS line "
        f"FROM read_csv('{path}', delim = '\t', quote = '', header = true, all_varchar = true)"
    )
    out = path.with_name(path.name.removesuffix(".gz"))
    path.unlink()
    con.execute(
        f"COPY (SELECT * EXCLUDE (line) FROM ({select}) ORDER BY line) TO '{out}' (DELIMITER '\t', HEADER, QUOTE '')"
    )


def each(select: str) -> Spoiler:
    """Do the same to every export."""

    def spoil(capture: Path) -> None:
        for path in exports(capture):
            rewrite(path, select)

    return spoil


def drop_packets(share: float) -> Spoiler:
    """Lose packets at random, the same ones each time."""
    chance = "CAST('0x' || left(md5(CAST(line AS VARCHAR)), 6) AS BIGINT) % 10000"
    return each(f"SELECT * FROM export WHERE {chance} >= {int(share * 10000)}")


def shift_clocks(capture: Path) -> None:
    """Set the second node's clock 2 s ahead, and the third's 1.3 s back."""
    for path, seconds in zip(exports(capture), ("0", "2.000000000", "-1.300000000"), strict=False):
        rewrite(
            path,
            f"SELECT * REPLACE (CAST(CAST({_TIME} AS DECIMAL(19,9)) + {seconds} AS VARCHAR) AS {_TIME}) FROM export",
        )


def without_node(capture: Path) -> None:
    """Lose the second node's capture."""
    exports(capture)[1].unlink()


def without_columns(*columns: str) -> Spoiler:
    """Export without these fields."""
    return each(f"SELECT * EXCLUDE ({', '.join(columns)}) FROM export")


def without_rules(capture: Path) -> None:
    """Lose the first node's rules."""
    for path in exports(capture)[0].parent.glob("*tables-save*"):
        path.unlink()
    for path in exports(capture)[0].parent.glob("nft-*"):
        path.unlink()


def without_objects(capture: Path) -> None:
    """Lose what kubectl told."""
    shutil.rmtree(capture / "cluster", ignore_errors=True)


def rules_from_before(capture: Path) -> None:
    """Give every pod another address in the rules, as before a rollout."""
    for path in capture.glob("nodes/*/*tables-save*"):
        text = path.read_text()
        for node in range(3):
            text = text.replace(f"10.100.{node}.1", f"10.100.{node}.20")
        path.write_text(text)


def cut_in_time(capture: Path) -> None:
    """Begin late and end early: keep the middle of each export's lines."""
    first, last = "(SELECT max(line) / 4 FROM export)", "(SELECT max(line) * 3 / 4 FROM export)"
    each(f"SELECT * FROM export WHERE line BETWEEN {first} AND {last}")(capture)


def repeat_packets(capture: Path) -> None:
    """See every fifth packet twice."""
    each("SELECT * FROM export UNION ALL SELECT * FROM export WHERE line % 5 = 0")(capture)


def only_port(port: int) -> Spoiler:
    """Capture with a filter on the service's port."""
    return each(
        f'SELECT * FROM export WHERE \'{port}\' IN ("tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport")'
    )


def one_request_each(capture: Path) -> None:
    """Keep the first data packet of each stream only, as a display filter like http.request would."""
    each(
        'SELECT * FROM export WHERE TRY_CAST("tcp.len" AS INTEGER) > 0 '
        'QUALIFY row_number() OVER (PARTITION BY "frame.interface_name", "tcp.stream" ORDER BY line) = 1'
    )(capture)


PERTURBATIONS: dict[str, Spoiler] = {
    "as it is": lambda capture: None,
    "a: 1 % of packets lost": drop_packets(0.01),
    "a: 5 % of packets lost": drop_packets(0.05),
    "a: 10 % of packets lost": drop_packets(0.10),
    "b: clocks 2 s apart": shift_clocks,
    "c: one node not captured": without_node,
    "d: no tcp.seq_raw": without_columns(_SEQ),
    "e: no tsval and ip.id": without_columns(_TSVAL, '"ip.id"'),
    "f: one node without rules": without_rules,
    "g: no cluster objects": without_objects,
    "h: rules from before a rollout": rules_from_before,
    "i: capture cut in time": cut_in_time,
    "j: packets seen twice": repeat_packets,
    "k: only the service's port": only_port(80),
    "l: one data packet each": one_request_each,
}
