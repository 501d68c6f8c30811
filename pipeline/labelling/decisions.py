"""What each node's rules do with the packets that occur: rows of decisions, trace_steps and source_classes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha1
from typing import TYPE_CHECKING

from pipeline.rules.dumps.chain_names import (
    chain_hashes,
    hash_of,
    is_service_chain,
    service_in_chain,
    service_in_comment,
)
from pipeline.rules.dumps.frontends import Frontend
from pipeline.rules.model.ip_ranges import family_of, number, range_of, written
from pipeline.rules.tracing.result import NO_FILTER, NO_NAT, Trace, Tracer
from pipeline.rules.tracing.source_classes import atoms, class_words
from pipeline.rules.tracing.state import NodeFacts, Scene

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import polars as pl

    from pipeline.rules import RuleSet
    from pipeline.rules.tracing.source_classes import Atom
    from pipeline.schema import Row

FEW_FRONTENDS = 2000  # below this all of them are traced, for the report's account of what the rules say
_DECIDING = ("dnat", "drop", "reject")


@dataclass(slots=True)
class Decided:
    """Rows, as schema.py has them, without `run`."""

    decisions: list[Row] = field(default_factory=list)
    trace_steps: list[pl.DataFrame] = field(default_factory=list)
    source_classes: list[Row] = field(default_factory=list)
    pod_ranges: tuple[str, ...] = ()


def decide(
    rules: Mapping[str, RuleSet],
    facts: Mapping[str, NodeFacts],
    wanted: Mapping[str, Collection[Frontend]],
    sources: Mapping[str, Collection[str]],
    services: Iterable[Mapping[str, object]] = (),
) -> Decided:
    """Trace the wanted (protocol, address, port), and services behind wanted endpoints, on every node with rules."""
    decided = Decided(pod_ranges=tuple(sorted({r for rule_set in rules.values() for r in rule_set.pod_ranges})))
    names = ServiceNames(services)
    for node, rule_set in sorted(rules.items()):
        one = _Node(node, rule_set, facts.get(node, NodeFacts()), names)
        one.decide(_destinations(one, wanted.get(node, ())), sources.get(node, ()), decided)
    return decided


class ServiceNames:
    """Which Service owns an address, or a chain."""

    def __init__(self, rows: Iterable[Mapping[str, object]]) -> None:
        """From rows of `service_ports`."""
        self.by_address: dict[tuple[object, object, object], tuple[str, object]] = {}
        self.by_hash: dict[str, tuple[str, object]] = {}
        for row in rows:
            named = str(row["service"]), row.get("service_port")
            self.by_address.setdefault((row["protocol"], row.get("ip"), row["port"]), named)
            port_name = str(row["port_name"]) if row.get("port_name") else None
            for name in chain_hashes(named[0], port_name, str(row["protocol"])):
                self.by_hash.setdefault(name, named)

    def of(self, frontend: Frontend, chain: str | None, comment: str, *, local: bool) -> tuple[str | None, object]:
        """`namespace/name` and the Service's own port, by address, else by chain, else by the rules' words."""
        protocol, address, port = frontend
        found = self.by_address.get((protocol, address, port))
        found = found or (self.by_address.get((protocol, None, port)) if local else None)
        found = found or self.by_hash.get(hash_of(chain or "") or "")
        return found or (service_in_chain(chain or "") or service_in_comment(comment), None)


def _destinations(node: _Node, wanted: Collection[Frontend]) -> list[Frontend]:
    """The wanted destinations that the rules know, and the service addresses worth knowing beside them."""
    front = node.rules.front
    known = {f for f in wanted if f[2] is not None and node.knows(f)}
    if len(front.frontends) <= FEW_FRONTENDS:
        return sorted(known | front.frontends)
    endpoints = {(f[1], f[2]) for f in wanted}
    return sorted(known | node.rules.frontends_of(endpoints))


class _Node:
    """One node's rules and what is known of the node."""

    def __init__(self, name: str, rules: RuleSet, facts: NodeFacts, names: ServiceNames) -> None:
        self.name = name
        self.rules = rules
        self.facts = facts
        self.names = names
        self.tracers: dict[tuple[str, str], list[tuple[Tracer, list[int]]]] = {}
        self.own = {
            family: frozenset(number(a) for a in facts.addresses if family_of(a) == family) or None
            for family in ("ip", "ip6")
        }

    def knows(self, frontend: Frontend) -> bool:
        family, address = family_of(frontend[1]), number(frontend[1])
        own = self.own[family]
        return self.rules.front.knows(family, address, frontend[2], may_be_local=own is None or address in own)

    def decide(self, destinations: Iterable[Frontend], sources: Collection[str], decided: Decided) -> None:
        """Trace, then number the classes that the traces tell apart."""
        by_family = {"ip": list[Frontend](), "ip6": list[Frontend]()}
        for frontend in destinations:
            by_family[family_of(frontend[1])].append(frontend)
        classes = 0
        for family, frontends in by_family.items():
            classes = self._family(family, frontends, sources, decided, classes)

    def _family(
        self, family: str, frontends: list[Frontend], sources: Collection[str], decided: Decided, first: int
    ) -> int:
        """Decisions of one family; the number of the next class."""
        found = atoms(self.rules, self.facts, sources, family)
        traced = [(frontend, self._traces(family, frontend, found)) for frontend in frontends]
        traced = [(frontend, traces) for frontend, traces in traced if any(map(_decides, traces.values()))]
        alike: dict[tuple[int, ...], list[Atom]] = defaultdict(list)
        for i, atom in enumerate(found):
            alike[tuple(id(traces[i]) for _, traces in traced)].append(atom)
        steps: dict[str, tuple[int, ...]] = {}
        for offset, members in enumerate(alike.values()):
            number_ = first + offset
            for atom in members:
                decided.source_classes += [self._source(ip, number_) for ip in atom.members]
            representative = found.index(members[0])
            for frontend, traces in traced:
                self._write(frontend, traces[representative], number_, class_words(members), decided, steps)
        decided.trace_steps.append(_steps(self.rules, steps))
        return first + len(alike)

    def _source(self, ip: str, number_: int) -> Row:
        return {"node": self.name, "src_ip": ip, "source_class": number_}

    def _traces(self, family: str, frontend: Frontend, found: list[Atom]) -> dict[int, Trace]:
        """The trace of each atom; atoms that fare alike share one object."""
        protocol, address, port = frontend
        result: dict[int, Trace] = {}
        same: dict[tuple[object, ...], Trace] = {}
        for tracer, members in self._tracers(family, protocol, found):
            for one in tracer.trace(number(address), port):
                alike = same.setdefault((one.verdict, one.endpoints, one.uncertain_because, one.rows), one)
                result |= {i: alike for bit, i in enumerate(members) if one.sources >> bit & 1}
        return result

    def _tracers(self, family: str, protocol: str, found: list[Atom]) -> list[tuple[Tracer, list[int]]]:
        """A tracer for each origin of packets, with the atoms its sources are."""
        if (family, protocol) not in self.tracers:
            self.tracers[family, protocol] = [
                (
                    Tracer(self.rules, self._scene(family, protocol, [a for a, _ in members], origin)),
                    [i for _, i in members],
                )
                for origin in ("external", "pod", "node")
                if (members := sorted((a.address, i) for i, a in enumerate(found) if a.origin == origin))
            ]
        return self.tracers[family, protocol]

    def _scene(self, family: str, protocol: str, addresses: list[int], origin: str) -> Scene:
        pods = tuple(range_of(p) for p in self.facts.pod_ranges if family_of(p) == family)
        return Scene(family, protocol, addresses, origin, self.own[family], pods)

    def _write(
        self,
        frontend: Frontend,
        one: Trace,
        number_: int,
        words: str,
        decided: Decided,
        steps: dict[str, tuple[int, ...]],
    ) -> None:
        if not _decides(one):
            return
        said = self.rules.said(one.rows)
        trace_id = self._trace_id(frontend, one, [text for _, _, text in said])
        steps[trace_id] = one.rows
        chain = next((chain for chain, _, _ in said if is_service_chain(chain)), None)
        service, service_port = self._service(frontend, chain, [comment for _, comment, _ in said])
        base: Row = {
            "node": self.name,
            "trace_id": trace_id,
            "protocol": frontend[0],
            "dst_ip": frontend[1],
            "dst_port": frontend[2],
            "source_class": number_,
            "source": words,
            "service": service,
            "service_port": service_port,
            "chain": chain,
            "affinity_s": one.affinity_s,
            "verdict": one.verdict,
            "certain": one.certain,
            "uncertain_because": "; ".join(one.uncertain_because) or None,
            "uncertain_codes": ", ".join(dict.fromkeys(reason.code for reason in one.uncertain_because)) or None,
        }
        decided.decisions += [base | place for place in self._endpoints(frontend, one)]

    def _endpoints(self, frontend: Frontend, one: Trace) -> list[Row]:
        family = family_of(frontend[1])
        none: Row = {
            "endpoint_ip": None,
            "endpoint_port": None,
            "probability": None,
            "source_nat": None if one.uncertain_because else False,
        }
        return [
            {
                "endpoint_ip": written(e.address, family),
                "endpoint_port": e.port,
                "probability": e.probability,
                "source_nat": e.source_nat,
            }
            for e in one.endpoints
        ] or [none]

    def _trace_id(self, frontend: Frontend, one: Trace, texts: list[str]) -> str:
        endpoints = tuple(map(tuple, one.endpoints))
        key = repr((self.name, frontend, one.verdict, endpoints, one.uncertain_because, texts))
        return sha1(key.encode(), usedforsecurity=False).hexdigest()[:16]

    def _service(self, frontend: Frontend, chain: str | None, comments: Iterable[str]) -> tuple[str | None, object]:
        comment = next((c for c in comments if service_in_comment(c)), "")
        own = self.own[family_of(frontend[1])]
        local = own is None or number(frontend[1]) in own
        return self.names.of(frontend, chain, comment, local=local)


def _steps(rules: RuleSet, traces: Mapping[str, Sequence[int]]) -> pl.DataFrame:
    """Rows of `trace_steps`, from the rules that each trace followed, by its id."""
    import polars as pl

    followed = [row for rows in traces.values() for row in rows]
    ids = [trace_id for trace_id, rows in traces.items() for _ in rows]
    numbers = [number for rows in traces.values() for number in range(1, len(rows) + 1)]
    known = [rules.columns[name].gather(followed) for name in ("table_name", "chain", "file", "line_number", "text")]
    columns = [pl.Series("trace_id", ids, dtype=pl.String), pl.Series("step", numbers, dtype=pl.Int32), *known]
    return pl.DataFrame(columns)


def _decides(one: Trace) -> bool:
    """Whether a trace is worth a row: the rules translate, drop or reject, or hide whether they do."""
    return one.verdict in _DECIDING or any(reason not in (NO_FILTER, NO_NAT) for reason in one.uncertain_because)
