"""`az network lb rule list`, or `az network lb list`: how Azure's load balancer distributes clients over nodes.

The rules of load balancers are read, also those inside a load balancer's object; all other keys are skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.formats.base import Parsed, Reject
from pipeline.formats.json_stream import BrokenJsonError, JsonText
from pipeline.formats.kubernetes.objects import without_values
from pipeline.formats.row_collector import RowCollector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.schema import Row


class AzureLb:
    """Rules of Azure load balancers."""

    name = "azure-lb"
    kind: Kind = "objects"
    sign = "keys loadDistribution and frontendPort"

    def recognise(self, head: str) -> int:
        """Return 90 if the text is JSON with the two keys that only such rules have together."""
        return 90 if head.lstrip()[:1] in "[{" and '"loadDistribution"' in head and '"frontendPort"' in head else 0

    def parse(self, source: Source) -> Parsed:
        """Return one row per rule."""
        text, parsed, collector = JsonText(source.text()), Parsed(), RowCollector()
        values: list[tuple[int, object]] = []
        try:
            _read_values(text, values)
        except BrokenJsonError as e:
            line = text.line_number(e.position)
            parsed.rejects.append(Reject(line, str(e), without_values(text.line_at(e.position))))
        parsed.row_count = len(parsed.rejects)
        for position, value in values:
            for rule in _rules_in(value):
                parsed.row_count += 1
                try:
                    collector.add([("load_balancer_rules", _rule_row(rule))])
                except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as e:
                    parsed.rejects.append(Reject(text.line_number(position), f"no rule of a load balancer: {e}", "…"))
        parsed.tables = collector.frames()
        return parsed


def _read_values(text: JsonText, values: list[tuple[int, object]]) -> None:
    """Append the elements of the top-level list, or the single top-level value."""
    position = text.skip_separators(0)
    if text.char_at(position) == "[":
        text.read_list(position, values)
    else:
        values.append((position, text.read_value(position)[0]))


def _rules_in(value: object) -> Iterator[Any]:
    """Yield the rules inside a load balancer; any other value is taken as a rule itself."""
    balancer = value if isinstance(value, dict) else {}
    properties = balancer.get("properties")
    rules = (balancer | properties if isinstance(properties, dict) else balancer).get("loadBalancingRules")
    yield from rules if isinstance(rules, list) else [value]


def _rule_row(rule: dict[str, Any]) -> Row:
    """Return the row of a rule, as `az` prints it (flat) or as the API returns it (with `properties` apart)."""
    flat = rule | (rule.get("properties") or {})
    frontend = flat.get("frontendIPConfiguration") or flat.get("frontendIpConfiguration") or {}
    return {
        "rule": str(flat["name"]),
        "frontend": str(frontend["id"]).rpartition("/")[2],
        "protocol": str(flat["protocol"]).lower(),
        "port": int(flat["frontendPort"]),
        "backend_port": int(flat["backendPort"]),
        "floating_ip": bool(flat.get("enableFloatingIP", flat.get("enableFloatingIp"))),
        "distribution": str(flat["loadDistribution"]),
    }


FORMAT = AzureLb()
