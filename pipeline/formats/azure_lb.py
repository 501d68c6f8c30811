"""`az network lb rule list`, or `az network lb list`: how Azure's load balancer spreads clients over nodes."""

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
        """Sure where the keys stand that only such rules have together."""
        return 90 if head.lstrip()[:1] in "[{" and '"loadDistribution"' in head and '"frontendPort"' in head else 0

    def parse(self, source: Source) -> Parsed:
        """A row counts as a rule, also of those inside load balancers."""
        text, parsed, gathered = JsonText(source.text()), Parsed(), RowCollector()
        found: list[tuple[int, object]] = []
        try:
            _read(text, found)
        except BrokenJsonError as e:
            line = text.line_number(e.position)
            parsed.rejects.append(Reject(line, str(e), without_values(text.line_at(e.position))))
        parsed.row_count = len(parsed.rejects)
        for position, one in found:
            for rule in _rules(one):
                parsed.row_count += 1
                try:
                    gathered.add([("load_balancer_rules", _row(rule))])
                except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as e:
                    parsed.rejects.append(Reject(text.line_number(position), f"no rule of a load balancer: {e}", "…"))
        parsed.tables = gathered.frames()
        return parsed


def _read(text: JsonText, found: list[tuple[int, object]]) -> None:
    position = text.skip_separators(0)
    if text.char_at(position) == "[":
        text.read_list(position, found)
    else:
        found.append((position, text.read_value(position)[0]))


def _rules(one: object) -> Iterator[Any]:
    """The rules of a load balancer, or the thing itself."""
    whole = one if isinstance(one, dict) else {}
    apart = whole.get("properties")
    inside = (whole | apart if isinstance(apart, dict) else whole).get("loadBalancingRules")
    yield from inside if isinstance(inside, list) else [one]


def _row(rule: dict[str, Any]) -> Row:
    """A rule as `az` flattens it, or with its properties apart, as the API has it."""
    whole = rule | (rule.get("properties") or {})
    frontend = whole.get("frontendIPConfiguration") or whole.get("frontendIpConfiguration") or {}
    return {
        "rule": str(whole["name"]),
        "frontend": str(frontend["id"]).rpartition("/")[2],
        "protocol": str(whole["protocol"]).lower(),
        "port": int(whole["frontendPort"]),
        "backend_port": int(whole["backendPort"]),
        "floating_ip": bool(whole.get("enableFloatingIP", whole.get("enableFloatingIp"))),
        "distribution": str(whole["loadDistribution"]),
    }


FORMAT = AzureLb()
