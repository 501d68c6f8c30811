"""The compiled rules of every node that has a rule dump."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from pipeline.rules import rule_sets_by_node
from pipeline.rules.dumps.ruleset import COLUMNS
from pipeline.rules.dumps.service_ports import Services
from pipeline.schema.findings import Finding
from pipeline.store.duckdb_engine import literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.labelling.workspace import Workspace
    from pipeline.rules import RuleSet
    from pipeline.schema import Row

_RULES_OF_NODE = (
    "SELECT {columns} FROM rules_in_use WHERE node = {node} ORDER BY file, line_number, table_name, chain, rule_number"
)


@dataclass(frozen=True, slots=True)
class NodeRules:
    """The rules of each node, and the Service objects that they were compared with."""

    by_node: Mapping[str, RuleSet]
    services: Services

    @property
    def pod_ranges(self) -> set[str]:
        """The CIDRs that rules treat as the pods'."""
        return {cidr for rule_set in self.by_node.values() for cidr in rule_set.pod_ranges}

    def misnamed_chains(self) -> Iterable[Row]:
        """A finding for the first rule of each node that leads from a Service's address to another chain."""
        for node, rule_set in sorted(self.by_node.items()):
            for row, message in islice(self.services.misnamed(rule_set.rows), 1):
                remedy = "dump rules and objects at one moment; or somebody edited these rules"
                line_number = rule_set.columns["line_number"][row]
                file = rule_set.columns["file"][row]
                yield Finding.declared("misnamed-chain", message, remedy, line_number).row(node, file)


def compile_rules(work: Workspace) -> NodeRules:
    """Compile the rules of each node that has a dump.

    Reads: rules, captures, service_ports. Writes: rules_in_use, rule_servers.
    """
    services = Services(work.rows("SELECT * FROM service_ports ORDER BY ALL"))
    work.build("rules_in_use")
    nodes = work.con.sql("SELECT DISTINCT node FROM rules_in_use WHERE node IS NOT NULL ORDER BY 1").fetchall()
    queries = {str(node): _RULES_OF_NODE.format(columns=", ".join(COLUMNS), node=literal(node)) for (node,) in nodes}
    rules = rule_sets_by_node((node, services.with_ports(work.con.sql(query).pl())) for node, query in queries.items())
    write_rule_servers(work, rules)
    return NodeRules(rules, services)


def write_rule_servers(work: Workspace, rules: Mapping[str, RuleSet]) -> None:
    """Create the table `rule_servers`: the sockets that each node's rules serve."""
    import polars as pl

    sockets = [(node, *frontend) for node, rule_set in sorted(rules.items()) for frontend in rule_set.frontends]
    schema = {"node": pl.String, "protocol": pl.String, "ip": pl.String, "port": pl.Int32}
    work.con.register("rule_frontends", pl.DataFrame(sockets, schema=schema, orient="row"))
    work.con.execute("CREATE TABLE rule_servers AS SELECT * FROM rule_frontends")
