"""Label the connections of one run: twelve steps, each of which reads tables of the workspace and adds others.

SQL models (sql/) make rows from rows. Python traces packets through the rules of a node, and tests counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.labelling.address_book import read_address_book, write_addresses
from pipeline.labelling.decisions import write_decisions
from pipeline.labelling.findings import write_findings
from pipeline.labelling.node_rules import compile_rules
from pipeline.labelling.window import keep_window
from pipeline.labelling.workspace import Workspace, stored_models
from pipeline.statistics.verdicts import judge

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config import Window
    from pipeline.store.duckdb_engine import Connection


def label(con: Connection, folder: Path, window: Window) -> None:
    """Make every result table of one run from the input tables in `folder`, and write them there."""
    work = Workspace(con, folder)
    work.open_inputs()
    match_node_names(work)
    rules = compile_rules(work)
    build_client_sockets(work)
    book = read_address_book(work, rules)
    write_decisions(work, rules, book)
    write_addresses(work, book)
    build_connections(work)
    write_findings(work, rules)
    keep_window(work, window)
    build_distributions(work)
    write_verdicts(work)


def match_node_names(work: Workspace) -> None:
    """Give the objects' nodes the names that captures use.

    Reads: captures, nodes, pods, endpoints, node_addresses.
    Writes: node_name_matches, matched_pods, matched_endpoints, matched_node_addresses.
    """
    work.build("matched_pods", "matched_endpoints", "matched_node_addresses")


def build_client_sockets(work: Workspace) -> None:
    """Collect each sender with each socket that it sends to, on each node.

    Reads: conversations, captures, rule_servers, rules_in_use, service_ports, endpoints.
    Writes: client_sockets, and the models of sql/capture/ and sql/flows/ that it is built on.
    """
    work.build("client_sockets")


def build_connections(work: Workspace) -> None:
    """Stitch flows into connections, and label each.

    Reads: client_sockets, decisions, addresses, and the objects.
    Writes: connections, flows, and the models of sql/flows/, sql/connections/ and sql/affinity/ that they are built on.
    """
    work.build("connections", "flows")


def build_distributions(work: Workspace) -> None:
    """Count connections and flows in the ways that the report shows.

    Reads: connections, flows, decisions. Writes: the tables distribution_*, and stored tables not built yet.
    """
    work.build(*stored_models())


def write_verdicts(work: Workspace) -> None:
    """Test each service's counts for chance. Reads: distribution_*. Writes: verdicts, expected_shares, skew_parts."""
    for table, rows in judge(work.con).items():
        work.write(table, rows)
