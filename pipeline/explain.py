"""The story of one connection: its legs, the rules followed, what is missing, and where to look in the packets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.engines.duckdb import literal
from pipeline.errors import InputError
from pipeline.schema import EVIDENCE, LABELS, REASONS, Row

if TYPE_CHECKING:
    from pipeline.engines.duckdb import Connection

_LEGS = """SELECT f.flow_id, f.leg, f.node, f.interface, f.protocol, f.src_ip, f.src_port, f.dst_ip, f.dst_port,
  f.start_us, f.end_us, f.packet_count, f.reply_packet_count, f.tcp_isn, f.tcp_tsval, c.file,
  CAST(split_part(f.flow_id, '-', 2) AS BIGINT) AS line_number
FROM flows AS f JOIN captures AS c ON c.capture_id = split_part(f.flow_id, '-', 1)
WHERE f.connection_id = {id} ORDER BY f.start_us NULLS LAST, f.flow_id"""
_RULES = """SELECT step, table_name, chain, file, line_number, text FROM trace_steps
WHERE trace_id = (SELECT trace_id FROM connections WHERE connection_id = {id}) ORDER BY step"""
_ENDPOINTS = """SELECT DISTINCT
  d.endpoint_ip, d.endpoint_port, d.probability, d.verdict, d.certain, d.uncertain_because, d.source_nat
FROM decisions AS d JOIN connections AS c
  ON c.connection_id = {id} AND d.trace_id = c.trace_id AND d.node = c.ingress_node
  AND d.dst_ip = c.dest_ip AND d.dst_port = c.dest_port AND d.protocol = c.protocol
ORDER BY ALL"""


def explain(con: Connection, connection_id: str) -> Row:
    """Everything the lake knows of one connection, as plain values.

    Raises:
        InputError: no run in view has a connection of that id.
    """
    found = con.sql(f"SELECT * FROM connections WHERE connection_id = {literal(connection_id)}").to_dicts()
    if not found:
        some = con.sql("SELECT connection_id FROM connections ORDER BY ALL LIMIT 1").fetchall()
        hint = (
            f"ids are in the column connection_id of connections, e.g. {some[0][0]}" if some else "label the run first"
        )
        raise InputError(f"there is no connection {connection_id!r} in this run", hint=hint)
    connection = found[0]
    legs, rules, outcomes = (
        con.sql(query.format(id=literal(connection_id))).to_dicts() for query in (_LEGS, _RULES, _ENDPOINTS)
    )
    for leg in legs:
        leg["display_filter"] = display_filter(leg)
    return {
        "connection": connection,
        "label_means": LABELS[str(connection["label"])],
        "evidence_means": EVIDENCE[str(connection["evidence"])],
        "reason_means": REASONS.get(str(connection["reason"])),
        "legs": legs,
        "rules": rules,
        "outcomes_allowed": outcomes,
        "missing": _missing(connection, legs, rules, outcomes),
    }


def display_filter(leg: Row) -> str:
    """A tshark display filter that shows just this leg's packets, both directions."""
    family = "ipv6" if ":" in str(leg["src_ip"]) else "ip"
    ends = [f"{family}.addr == {leg['src_ip']}", f"{family}.addr == {leg['dst_ip']}"]
    ports = [f"{leg['protocol']}.port == {leg['src_port']}", f"{leg['protocol']}.port == {leg['dst_port']}"]
    return " && ".join(ends + ports + _time_filter(leg))


def render_text(story: Row) -> str:
    """The story in plain words."""
    connection: Row = story["connection"]  # type: ignore[assignment]
    parts = [_headline(connection, story), _legs_text(story), _rules_text(story), _outcomes_text(story)]
    missing: list[str] = story["missing"]  # type: ignore[assignment]
    if missing:
        parts.append("What is missing\n" + "".join(f"  - {m}\n" for m in missing))
    return "\n".join(p for p in parts if p)


def _time_filter(leg: Row) -> list[str]:
    if leg["start_us"] is None:
        return []
    first, last = int(str(leg["start_us"])), int(str(leg["end_us"]))
    return [f"frame.time_epoch >= {_seconds(first)}", f"frame.time_epoch < {_seconds(last + 1)}"]


def _seconds(microseconds: int) -> str:
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}"


def _missing(connection: Row, legs: list[Row], rules: list[Row], outcomes: list[Row]) -> list[str]:
    """What was not there to see, in sentences."""
    seen = {leg["leg"] for leg in legs}
    said = [str(o["uncertain_because"]) for o in outcomes if o["uncertain_because"]]
    if connection["reason"] in REASONS:
        said.append(REASONS[str(connection["reason"])])
    if connection["service"] is not None and "ingress" not in seen:
        said.append("No leg towards the service's address was seen: the client and what it dialled are not shown.")
    if connection["hop"] == "forwarded" and not seen & {"forward", "delivery"}:
        said.append("No leg towards the endpoint was seen; that it went there rests on the rules.")
    if not rules and "ingress" in seen:
        said.append("No rules of this node tell what it does with the connection.")
    return list(dict.fromkeys(said))


def _headline(connection: Row, story: Row) -> str:
    who = (
        f"{_socket(connection, 'client') or 'a hidden client'} -> {_socket(connection, 'dest') or 'an unseen address'}"
    )
    facts = [
        f"{words} {value}"
        for words, value in (
            ("service", connection["service"]),
            ("entered at", connection["ingress_node"]),
            ("served by", connection["pod"] or _socket(connection, "pod")),
            ("on", connection["pod_node"]),
            ("source seen as", _socket(connection, "snat")),
        )
        if value
    ]
    reason = f" ({connection['affinity_reason']})" if connection["affinity_reason"] else ""
    lines = [
        f"{connection['connection_id']}: {connection['protocol']} {who}",
        f"  {', '.join(facts) or 'nothing is known of who served it'}",
        f"  label     {connection['label']}: {story['label_means']}",
        f"  evidence  {connection['evidence']}: {story['evidence_means']}",
        f"  affinity  {connection['affinity']}{reason}",
    ]
    return "\n".join(lines) + "\n"


def _socket(row: Row, name: str) -> str:
    return f"{row[f'{name}_ip']}:{row[f'{name}_port']}" if row[f"{name}_ip"] else ""


def _legs_text(story: Row) -> str:
    lines = []
    for leg in story["legs"]:  # type: ignore[attr-defined]
        when = _clock(int(leg["start_us"])) if leg["start_us"] is not None else "no time"
        vantage = leg["node"] + (f" {leg['interface']}" if leg["interface"] else "")
        lines += [
            f"  {when}  {leg['leg']:<9} at {vantage}: {_socket(leg, 'src')} -> {_socket(leg, 'dst')}",
            f"    {leg['packet_count']} packets, {leg['reply_packet_count']} in reply",
            f"    first packet: {leg['file']}:{leg['line_number']}",
            f"    tshark -Y '{leg['display_filter']}'",
        ]
    return "Legs seen\n" + "\n".join(lines) + "\n"


def _clock(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, tz=UTC).strftime("%H:%M:%S.%f")


def _rules_text(story: Row) -> str:
    rules: list[Row] = story["rules"]  # type: ignore[assignment]
    if not rules:
        return ""
    return "Rules followed\n" + "".join(f"  {r['file']}:{r['line_number']}: {r['text']}\n" for r in rules)


def _outcomes_text(story: Row) -> str:
    lines = []
    for o in story["outcomes_allowed"]:  # type: ignore[attr-defined]
        where = _socket(o, "endpoint") or o["verdict"]
        share = f" {o['probability']:.1%}" if o["probability"] is not None else ""
        lines.append(f"  {where}{share}" + ("" if o["certain"] else " (not certain)"))
    return "Outcomes the rules allow\n" + "\n".join(lines) + "\n" if lines else ""
