"""Collect the facts of one connection: legs, address rewriting, rules, other outcomes, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.schema import EVIDENCE, LABELS, REASONS, Row
from pipeline.store.duckdb_engine import literal

if TYPE_CHECKING:
    from pipeline.store.duckdb_engine import Connection

_LEGS = """SELECT f.flow_id, f.leg, f.node, f.interface, f.protocol, f.src_ip, f.src_port, f.dst_ip, f.dst_port,
  f.start_us, f.end_us, f.packet_count, f.reply_packet_count, f.syn_count, f.rst_count, f.tcp_isn, f.tcp_tsval,
  f.icmp_error_count, f.icmp_errors,
  c.file, CAST(split_part(f.flow_id, '-', 2) AS BIGINT) AS line_number,
  f.leg IN ('forward', 'delivery') AND (f.dst_ip <> x.pod_ip OR f.dst_port <> x.pod_port) AS is_attempt
FROM flows AS f
JOIN captures AS c ON c.capture_id = split_part(f.flow_id, '-', 1)
JOIN connections AS x ON x.connection_id = f.connection_id
WHERE f.connection_id = {id}
ORDER BY CASE f.leg WHEN 'ingress' THEN 1 WHEN 'forward' THEN 2 WHEN 'delivery' THEN 3 ELSE 4 END,
  f.start_us NULLS LAST, f.flow_id"""
_RULES = """SELECT step, table_name, chain, file, line_number, text FROM trace_steps
WHERE trace_id = (SELECT trace_id FROM connections WHERE connection_id = {id}) ORDER BY step"""
# The node of an endpoint is its address's owner when the connection began, as where the label is decided.
_ENDPOINTS = """SELECT DISTINCT d.endpoint_ip, d.endpoint_port, d.probability, d.verdict, d.certain,
  d.uncertain_because, d.source_nat, o.node,
  COALESCE(d.endpoint_ip = c.pod_ip AND d.endpoint_port = c.pod_port, FALSE) AS is_chosen
FROM connections AS c
JOIN decisions AS d
  ON d.trace_id = c.trace_id AND d.node = c.ingress_node
  AND d.dst_ip = c.dest_ip AND d.dst_port = c.dest_port AND d.protocol = c.protocol
LEFT JOIN address_owners AS o
  ON o.ip = d.endpoint_ip
  AND COALESCE(c.start_us, -1) >= o.valid_from_us AND COALESCE(c.start_us, -1) < o.valid_to_us
WHERE c.connection_id = {id}
ORDER BY ALL"""
_POD = """SELECT DISTINCT p.pod, p.ip, p.node, p.phase, p.valid_from_us, p.valid_to_us
FROM pods AS p JOIN connections AS c ON c.connection_id = {id} AND p.ip = c.pod_ip AND p.pod = c.pod ORDER BY ALL"""
_PREVIOUS = """SELECT b.connection_id, b.start_us, b.pod, b.pod_ip, b.pod_port,
  CAST(a.start_us - b.start_us AS DOUBLE) / 1000000 AS earlier_s
FROM connections AS a JOIN connections AS b
  ON b.client_ip = a.client_ip AND b.service = a.service AND b.service_port IS NOT DISTINCT FROM a.service_port
  AND b.protocol = a.protocol AND b.ingress_node = a.ingress_node AND b.connection_id <> a.connection_id
  AND b.start_us <= a.start_us
WHERE a.connection_id = {id} AND a.affinity IN ('pinned', 'moved', 'expired')
ORDER BY b.start_us DESC, b.connection_id DESC LIMIT 1"""


def explain(con: Connection, connection_id: str) -> Row:
    """Everything that the lake contains about one connection, as JSON values.

    Raises:
        InputError: no run in view has a connection of that id.
    """
    connection = _read_connection(con, connection_id)
    legs, rules, outcomes, pods, previous = (
        con.sql(query.format(id=literal(connection_id))).to_dicts()
        for query in (_LEGS, _RULES, _ENDPOINTS, _POD, _PREVIOUS)
    )
    for leg in legs:
        leg["display_filter"] = display_filter(leg)
    for outcome in outcomes:
        outcome["excluded_because"] = _exclusion(connection, legs, outcome)
    return {
        "connection": connection,
        "label_means": LABELS[str(connection["label"])],
        "evidence_means": EVIDENCE[str(connection["evidence"])],
        "reason_means": REASONS.get(str(connection["reason"])),
        "affinity_reason_means": REASONS.get(str(connection["affinity_reason"])),
        "legs": legs,
        "rewrite": _rewrite(connection),
        "pod_then": pods[0] if pods else None,
        "previous": previous[0] if previous else None,
        "rules": rules,
        "outcomes_allowed": outcomes,
        "missing": _missing(connection, legs, rules, outcomes),
    }


def _read_connection(con: Connection, connection_id: str) -> Row:
    rows: list[Row] = con.sql(f"SELECT * FROM connections WHERE connection_id = {literal(connection_id)}").to_dicts()
    if rows:
        return rows[0]
    example = con.sql("SELECT connection_id FROM connections ORDER BY ALL LIMIT 1").fetchall()
    hint = f"see the column connection_id of connections, e.g. {example[0][0]}" if example else "label the run first"
    raise InputError(f"there is no connection {connection_id!r} in this run", hint=hint)


def display_filter(leg: Row) -> str:
    """A tshark display filter that matches this leg's packets and no others, in both directions."""
    family = "ipv6" if ":" in str(leg["src_ip"]) else "ip"
    ends = [f"{family}.addr == {leg['src_ip']}", f"{family}.addr == {leg['dst_ip']}"]
    ports = [f"{leg['protocol']}.port == {leg['src_port']}", f"{leg['protocol']}.port == {leg['dst_port']}"]
    return " && ".join(ends + ports + _time_filter(leg))


def socket_text(row: Row, name: str) -> str:
    """`address:port` of one end; empty if it is not known."""
    if not row[f"{name}_ip"]:
        return ""
    ip = f"[{row[f'{name}_ip']}]" if ":" in str(row[f"{name}_ip"]) else row[f"{name}_ip"]
    return f"{ip}:{row[f'{name}_port']}"


def _time_filter(leg: Row) -> list[str]:
    if leg["start_us"] is None:
        return []
    first, last = int(str(leg["start_us"])), int(str(leg["end_us"]))
    return [f"frame.time_epoch >= {_seconds(first)}", f"frame.time_epoch < {_seconds(last + 1)}"]


def _seconds(microseconds: int) -> str:
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}"


def _rewrite(connection: Row) -> Row | None:
    """Destination and source before and after NAT; None if the pod is not known."""
    if not connection["pod_ip"]:
        return None
    return {
        "destination_before": socket_text(connection, "dest") or None,
        "destination_after": socket_text(connection, "pod"),
        "source_before": socket_text(connection, "client") or None,
        "source_after": socket_text(connection, "snat") or (socket_text(connection, "client") or None)
        if connection["source_nat"] is False
        else socket_text(connection, "snat") or None,
        "source_nat": connection["source_nat"],
    }


def _exclusion(connection: Row, legs: list[Row], outcome: Row) -> str | None:
    """Why the connection did not have this outcome; None if it had, or could have had it."""
    if outcome["is_chosen"] or outcome["endpoint_ip"] is None:
        return None
    if connection["evidence"] == "conntrack" and connection["pod_ip"]:
        return f"conntrack shows that it went to {socket_text(connection, 'pod')}"
    served = [leg for leg in legs if leg["leg"] in ("forward", "delivery") and not leg["is_attempt"]]
    if connection["pod_ip"] and served:
        return f"its post-NAT leg {served[0]['flow_id']} goes to {socket_text(connection, 'pod')}"
    if any((leg["dst_ip"], leg["dst_port"]) == (outcome["endpoint_ip"], outcome["endpoint_port"]) for leg in legs):
        return "its first attempt went there and was not answered"
    ingress, node = connection["ingress_node"], outcome["node"]
    if connection["evidence"] == "absence" and node != ingress:
        return f"{ingress} and {node} captured no leg of it to there, but captured such legs of other connections"
    return None


def _missing(connection: Row, legs: list[Row], rules: list[Row], outcomes: list[Row]) -> list[str]:
    """What the inputs do not show, in sentences."""
    legs_captured = {leg["leg"] for leg in legs}
    missing = [str(o["uncertain_because"]) for o in outcomes if o["uncertain_because"]]
    if connection["reason"] in REASONS:
        missing.append(REASONS[str(connection["reason"])])
    if connection["service"] is not None and "ingress" not in legs_captured:
        missing.append("No leg to the service's address was captured: the client and its destination are unknown.")
    if connection["hop"] == "forwarded" and not legs_captured & {"forward", "delivery"}:
        missing.append("No leg to the endpoint was captured; only the rules show that it went there.")
    if connection["hop"] == "local" and not connection["pod_ip"]:
        missing.append("The pod that served it is unknown: capture the pods' interfaces too (`tshark -i any`).")
    if not rules and "ingress" in legs_captured:
        missing.append("The node's rules do not show what it does with this connection.")
    return list(dict.fromkeys(missing))
