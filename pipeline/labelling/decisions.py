"""What each node's rules do with the packets that occur: rows of decisions, trace_steps and source_classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.labelling.node_decisions import DecisionRows, NodeDecisions
from pipeline.labelling.service_names import ServiceNames
from pipeline.rules import NodeFacts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pipeline.labelling.address_book import AddressBook
    from pipeline.labelling.node_rules import NodeRules
    from pipeline.labelling.workspace import Workspace
    from pipeline.rules import RuleSet
    from pipeline.rules.dumps.frontends import Frontend

# A packet to a node port may be seen on another node first: it is translated where its destination address is.
_PACKETS_BY_NODE = """CREATE TEMP VIEW packets_by_node AS
SELECT node, src_ip, protocol, dst_ip, dst_port FROM client_sockets
UNION ALL
SELECT o.node, s.src_ip, s.protocol, s.dst_ip, s.dst_port
FROM client_sockets AS s JOIN own_addresses AS o ON o.ip = s.dst_ip"""


@dataclass(slots=True)
class _Packets:
    """The packets that one node with rules may translate: their destinations, and their source addresses."""

    destinations: set[Frontend] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)


def write_decisions(work: Workspace, rules: NodeRules, book: AddressBook) -> None:
    """Trace each class of packets that occurs through the rules of its node.

    Reads: client_sockets, service_ports. Writes: decisions, trace_steps, source_classes.
    """
    packets = _packets_by_node(work, rules, book)
    facts = {n: NodeFacts(frozenset(book.own_addresses(n)), tuple(book.pod_ranges(n))) for n in rules.by_node}
    rows = decide(
        rules.by_node,
        facts,
        {node: p.destinations for node, p in packets.items()},
        {node: p.sources for node, p in packets.items()},
        work.rows("SELECT * FROM service_ports ORDER BY ALL"),
    )
    work.write("decisions", rows.decisions)
    work.write_frames("trace_steps", rows.trace_steps)
    work.write("source_classes", rows.source_classes)


def decide(
    rules: Mapping[str, RuleSet],
    facts: Mapping[str, NodeFacts],
    destinations: Mapping[str, Collection[Frontend]],
    sources: Mapping[str, Collection[str]],
    services: Iterable[Mapping[str, object]] = (),
) -> DecisionRows:
    """Trace the destinations of each node, and the Services behind those that are endpoints.

    `services` are rows of `service_ports`.
    """
    rows = DecisionRows()
    names = ServiceNames(services)
    for node, rule_set in sorted(rules.items()):
        node_decisions = NodeDecisions(node, rule_set, facts.get(node, NodeFacts()), names, rows)
        node_decisions.write(destinations.get(node, ()), sources.get(node, ()))
    return rows


def _packets_by_node(work: Workspace, rules: NodeRules, book: AddressBook) -> dict[str, _Packets]:
    import polars as pl

    packets = {node: _Packets() for node in rules.by_node}
    owners = [(ip, node) for node in packets for ip in book.own_addresses(node) if book.owner(ip) == node]
    schema = {"ip": pl.String, "node": pl.String}
    work.con.register("own_addresses", pl.DataFrame(owners, schema=schema, orient="row"))
    work.con.execute(_PACKETS_BY_NODE)
    destinations = work.con.sql("SELECT DISTINCT node, protocol, dst_ip, dst_port FROM packets_by_node")
    for node, *frontend in destinations.fetchall():
        if node in packets:
            packets[node].destinations.add((frontend[0], frontend[1], frontend[2]))
    for node, source in work.con.sql("SELECT DISTINCT node, src_ip FROM packets_by_node").fetchall():
        if node in packets:
            packets[node].sources.add(source)
    return packets
