"""What the rules of one node do with a packet: the logic of `hopscope trace`."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.diagnostics import warn
from pipeline.errors import InputError, UsageError
from pipeline.formats import recognise
from pipeline.formats.source import Source
from pipeline.rules import RuleSet, TraceContext, Tracer
from pipeline.rules.dumps.chain_index import KEY
from pipeline.rules.grammar.values import PROTOCOLS
from pipeline.rules.model.ip_ranges import family_of, number, written
from pipeline.rules.tracing.tracer import NO_FILTER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from pipeline.rules import Trace


class Packet(NamedTuple):
    """The first packet of a connection."""

    src_ip: str
    protocol: str
    dst_ip: str
    dst_port: int


def packet(src_ip: str, protocol: str, dst_ip: str, dst_port: int | None) -> Packet:
    """A packet from the options of the command line.

    Raises:
        UsageError: the port is missing.
    """
    if dst_port is None:
        raise UsageError(f"--dport is missing: {protocol} packets have a port", hint="e.g. --dport 80")
    return Packet(src_ip, protocol, dst_ip, dst_port)


def read_packets(path: Path) -> list[Packet]:
    """Packets from a CSV file with the columns src_ip, protocol, dst_ip, dst_port.

    Raises:
        InputError: the file cannot be read, lacks a column, or has a port that is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8") as f:
            rows = list(csv.DictReader(f))
    except OSError as e:
        raise InputError(f"cannot be read: {e.strerror}", where=str(path)) from e
    packets = []
    for line, row in enumerate(rows, start=2):
        try:
            packets.append(Packet(row["src_ip"], row["protocol"] or "tcp", row["dst_ip"], int(row["dst_port"])))
        except (KeyError, TypeError, ValueError) as e:
            message = f"is no packet: {e}"
            hint = "the header must be src_ip,protocol,dst_ip,dst_port"
            raise InputError(message, where=f"{path}:{line}", hint=hint) from e
    return packets


def render_text(answer: Mapping[str, Any]) -> str:
    """The text of one answer: the verdict, the endpoints with their shares, the rules that were followed."""
    nat = {
        True: "its source is rewritten",
        False: "its source is kept",
        None: "unknown whether its source is rewritten",
    }
    lines = [f"{answer['protocol']} {answer['src_ip']} -> {answer['dst_ip']}:{answer['dst_port']}: {answer['verdict']}"]
    if answer["verdict"] == "dnat":
        lines[0] += f", {nat[answer['source_nat']]}"
    for endpoint in answer["endpoints"]:
        share = "share unknown" if endpoint["probability"] is None else f"{endpoint['probability']:.2%}"
        lines.append(f"  {endpoint['ip']}:{endpoint['port']}  {share}")
    if answer["affinity_s"]:
        lines.append(f"  session affinity: a client's address keeps its endpoint for {answer['affinity_s']} s")
    lines += [] if answer["certain"] else [f"  uncertain: {why}" for why in answer["uncertain_because"]]
    lines += [f"  not shown: {what}" for what in answer["not_shown"]]
    lines += [f"  {s['table']} {s['chain']}, line {s['line_number']}: {s['text']}" for s in answer["steps"]]
    return "\n".join(lines) + "\n"


def trace_files(
    rules: Sequence[Path], packets: Iterable[Packet], node_ips: Sequence[str] = (), origin: str | None = None
) -> Iterator[dict[str, object]]:
    """One answer for each packet, as `trace --format json` prints it.

    Raises:
        InputError: a dump has no rules, or a text is no address.
    """
    rule_set = read_rules(*rules)
    for packet in packets:
        yield answer(rule_set, packet, node_ips, origin)


def read_rules(*paths: Path) -> RuleSet:
    """The rules in one node's dumps; of several dumps those that labelling uses too (sql/rules/rules_in_use.sql).

    Raises:
        InputError: a dump is of no form that is read, or has no rules.
    """
    import polars as pl

    dumps = [_rows(path) for path in paths]
    if len(dumps) == 1:
        return RuleSet(dumps[0][1])
    rules = pl.concat([rows.with_columns(capture_id=pl.lit(i)) for i, (_, rows) in enumerate(dumps)], how="diagonal")
    in_use = _rules_in_use(rules, [form for form, _ in dumps])
    used_counts = dict(in_use["capture_id"].value_counts().iter_rows())
    for i, (path, (_, rows)) in enumerate(zip(paths, dumps, strict=True)):
        if used_counts.get(i, 0) < len(rows):
            warn(
                "nft and listings leave parts of these rules out; the rules of iptables-save are used", where=str(path)
            )
    return RuleSet(in_use)


def _rules_in_use(rules: pl.DataFrame, formats: Sequence[str]) -> pl.DataFrame:
    """The rows that the model `rules_in_use` keeps, in their order; `capture_id` is an index into `formats`."""
    import polars as pl

    from pipeline.config import Limits
    from pipeline.store.duckdb_engine import connect
    from pipeline.store.sql_models import all_models

    con = connect(Limits())
    con.register("rules", rules.select("capture_id", *KEY, node=pl.lit("")).with_row_index("row"))
    con.register("captures", pl.DataFrame({"capture_id": range(len(formats)), "format": formats}))
    kept = con.sql(f"SELECT row FROM ({all_models()['rules_in_use'].sql}) ORDER BY row").fetchall()
    return rules[[row for (row,) in kept]]


def _rows(path: Path) -> tuple[str, pl.DataFrame]:
    import polars as pl

    source = Source(path, path.name)
    form = recognise(source.head())
    if form is None or form.kind != "rules":
        raise InputError("this is no rule dump", where=str(path), hint="give iptables-save or nft list ruleset output")
    rows: pl.DataFrame | None = form.parse(source).tables.get("rules")  # type: ignore[attr-defined]
    if rows is None:
        raise InputError("no rule could be read", where=str(path), hint="look at it with `hopscope inputs`")
    return form.name, rows.with_columns(file=pl.lit(path.name))


def answer(rules: RuleSet, packet: Packet, node_ips: Sequence[str], origin: str | None) -> dict[str, object]:
    """What the rules do with one packet.

    Raises:
        InputError: a text of the packet is no address.
    """
    try:
        source, destination = number(packet.src_ip), number(packet.dst_ip)
    except ValueError as e:
        raise InputError(str(e), hint="give IP addresses, not names") from None
    family = family_of(packet.dst_ip)
    own = frozenset(number(a) for a in node_ips if family_of(a) == family) or None
    if origin is None and own is not None and source in own:
        origin = "node"
    protocol = PROTOCOLS.get(packet.protocol.lower(), packet.protocol.lower())
    context = TraceContext(family, protocol, [source], origin, own)
    return packet._asdict() | _trace_answer(
        rules, Tracer(rules, context).trace(destination, packet.dst_port)[0], family
    )


def _trace_answer(rules: RuleSet, trace: Trace, family: str) -> dict[str, object]:
    endpoints = [
        {"ip": written(e.address, family), "port": e.port, "probability": e.probability} for e in trace.endpoints
    ]
    columns = rules.columns
    steps = [
        {
            "table": columns["table_name"][row],
            "chain": columns["chain"][row],
            "line_number": columns["line_number"][row],
            "text": columns["text"][row],
        }
        for row in trace.rows
    ]
    return {
        "verdict": trace.verdict,
        "endpoints": endpoints,
        "source_nat": trace.source_nat,
        "affinity_s": trace.affinity_s,
        "certain": trace.certain,
        "uncertain_because": list(trace.uncertain_because),
        "not_shown": [NO_FILTER] if rules.lacks_filter(family) and trace.verdict == "dnat" else [],
        "steps": steps,
    }
