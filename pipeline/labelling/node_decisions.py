"""What the rules of one node do: trace its destinations, and group the sources that it treats alike."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha1
from typing import TYPE_CHECKING

from pipeline.rules import TraceContext, Tracer
from pipeline.rules.grammar.chain_names import is_service_chain, service_in_comment
from pipeline.rules.model.ip_ranges import family_of, number, written
from pipeline.rules.tracing.source_classes import class_description, source_groups
from pipeline.rules.tracing.tracer import NO_FILTER, NO_NAT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import polars as pl

    from pipeline.labelling.service_names import ServiceNames, ServicePort
    from pipeline.rules import NodeFacts, RuleSet, Trace
    from pipeline.rules.dumps.frontends import Frontend
    from pipeline.rules.tracing.source_classes import SourceGroup
    from pipeline.schema import Row

FEW_FRONTENDS = 2000  # up to so many, all frontends of the rules are traced, and not only those that packets went to
_TRANSLATED_OR_REFUSED = ("dnat", "drop", "reject")


@dataclass(slots=True)
class DecisionRows:
    """Rows of three tables, as the schema declares them, without `run`."""

    decisions: list[Row] = field(default_factory=list)
    trace_steps: list[pl.DataFrame] = field(default_factory=list)
    source_classes: list[Row] = field(default_factory=list)


class NodeDecisions:
    """Adds the decisions of one node to `rows`."""

    def __init__(self, node: str, rules: RuleSet, facts: NodeFacts, names: ServiceNames, rows: DecisionRows) -> None:
        """`facts` are the node's own addresses and pod ranges; `names` map a destination to its Service."""
        self._node = node
        self._rules = rules
        self._facts = facts
        self._names = names
        self._rows = rows
        self._tracers: dict[tuple[str, str], list[tuple[Tracer, list[int]]]] = {}
        self._own = {
            family: frozenset(number(a) for a in facts.addresses if family_of(a) == family) or None
            for family in ("ip", "ip6")
        }

    def write(self, destinations: Collection[Frontend], sources: Collection[str]) -> None:
        """Trace the destinations for each class of sources, and number the classes from 0."""
        by_family: dict[str, list[Frontend]] = {"ip": [], "ip6": []}
        for frontend in self._frontends(destinations):
            by_family[family_of(frontend[1])].append(frontend)
        class_count = 0
        for family, frontends in by_family.items():
            class_count += self._write_family(family, frontends, sources, class_count)

    def _frontends(self, destinations: Collection[Frontend]) -> list[Frontend]:
        """The destinations that the rules mention, and all frontends, or with many those of the endpoints sent to."""
        mentioned = {f for f in destinations if f[2] is not None and self._mentions(f)}
        frontends = self._rules.frontend_index.frontends
        if len(frontends) <= FEW_FRONTENDS:
            return sorted(mentioned | frontends)
        return sorted(mentioned | self._rules.frontends_of({(f[1], f[2]) for f in destinations}))

    def _mentions(self, frontend: Frontend) -> bool:
        family, address = family_of(frontend[1]), number(frontend[1])
        return self._rules.frontend_index.may_match(
            family, address, frontend[2], may_be_local=self._may_be_local(frontend)
        )

    def _may_be_local(self, frontend: Frontend) -> bool:
        own = self._own[family_of(frontend[1])]
        return own is None or number(frontend[1]) in own

    def _write_family(self, family: str, frontends: list[Frontend], sources: Collection[str], first_class: int) -> int:
        """Write the decisions of one address family; the number of its classes.

        Two groups of sources are one class if every frontend has one trace for both.
        """
        groups = source_groups(self._rules, self._facts, sources, family)
        traced = [(frontend, self._traces(family, frontend, groups)) for frontend in frontends]
        traced = [(frontend, traces) for frontend, traces in traced if any(map(_decides, traces.values()))]
        classes: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i in range(len(groups)):
            classes[tuple(id(traces[i]) for _, traces in traced)].append(i)
        steps: dict[str, tuple[int, ...]] = {}
        for source_class, indexes in enumerate(classes.values(), start=first_class):
            members = [groups[i] for i in indexes]
            addresses = (ip for group in members for ip in group.members)
            self._rows.source_classes += [
                {"node": self._node, "src_ip": ip, "source_class": source_class} for ip in addresses
            ]
            words = class_description(members)
            for frontend, traces in traced:
                self._write_trace(frontend, traces[indexes[0]], source_class, words, steps)
        self._rows.trace_steps.append(_step_rows(self._rules, steps))
        return len(classes)

    def _traces(self, family: str, frontend: Frontend, groups: list[SourceGroup]) -> dict[int, Trace]:
        """The trace of each group, by its index; groups with equal traces share one object."""
        protocol, address, port = frontend
        by_group: dict[int, Trace] = {}
        distinct: dict[tuple[object, ...], Trace] = {}
        for tracer, indexes in self._tracers_of(family, protocol, groups):
            for trace in tracer.trace(number(address), port):
                content = trace.verdict, trace.endpoints, trace.uncertain_because, trace.rows
                shared = distinct.setdefault(content, trace)
                by_group |= {i: shared for bit, i in enumerate(indexes) if trace.sources >> bit & 1}
        return by_group

    def _tracers_of(self, family: str, protocol: str, groups: list[SourceGroup]) -> list[tuple[Tracer, list[int]]]:
        """A tracer for each origin of packets, with the indexes of the groups of that origin."""
        if (family, protocol) not in self._tracers:
            self._tracers[family, protocol] = [
                (
                    Tracer(self._rules, self._context(family, protocol, [a for a, _ in members], origin)),
                    [i for _, i in members],
                )
                for origin in ("external", "pod", "node")
                if (members := sorted((a.address, i) for i, a in enumerate(groups) if a.origin == origin))
            ]
        return self._tracers[family, protocol]

    def _context(self, family: str, protocol: str, addresses: list[int], origin: str) -> TraceContext:
        return TraceContext(family, protocol, addresses, origin, self._own[family])

    def _write_trace(
        self, frontend: Frontend, trace: Trace, source_class: int, words: str, steps: dict[str, tuple[int, ...]]
    ) -> None:
        """Write one row per endpoint that the trace may choose, or one row without endpoint."""
        if not _decides(trace):
            return
        rules = self._rules.texts(trace.rows)
        trace_id = self._trace_id(frontend, trace, [text for _, _, text in rules])
        steps[trace_id] = trace.rows
        chain = next((chain for chain, _, _ in rules if is_service_chain(chain)), None)
        service, service_port = self._service(frontend, chain, [comment for _, comment, _ in rules])
        decision: Row = {
            "node": self._node,
            "trace_id": trace_id,
            "protocol": frontend[0],
            "dst_ip": frontend[1],
            "dst_port": frontend[2],
            "source_class": source_class,
            "source": words,
            "service": service,
            "service_port": service_port,
            "chain": chain,
            "affinity_s": trace.affinity_s,
            "verdict": trace.verdict,
            "certain": trace.certain,
            "uncertain_because": "; ".join(trace.uncertain_because) or None,
            "uncertain_codes": ", ".join(dict.fromkeys(reason.code for reason in trace.uncertain_because)) or None,
        }
        self._rows.decisions += [decision | endpoint for endpoint in _endpoints(trace, family_of(frontend[1]))]

    def _trace_id(self, frontend: Frontend, trace: Trace, texts: list[str]) -> str:
        endpoints = tuple(map(tuple, trace.endpoints))
        key = repr((self._node, frontend, trace.verdict, endpoints, trace.uncertain_because, texts))
        return sha1(key.encode(), usedforsecurity=False).hexdigest()[:16]

    def _service(self, frontend: Frontend, chain: str | None, comments: Iterable[str]) -> ServicePort:
        comment = next((c for c in comments if service_in_comment(c)), "")
        return self._names.of(frontend, chain, comment, is_local=self._may_be_local(frontend))


def _endpoints(trace: Trace, family: str) -> list[Row]:
    """The columns of each endpoint; without endpoints one set of NULLs."""
    source_nat = None if trace.uncertain_because else False
    no_endpoint: Row = {"endpoint_ip": None, "endpoint_port": None, "probability": None, "source_nat": source_nat}
    return [
        {
            "endpoint_ip": written(e.address, family),
            "endpoint_port": e.port,
            "probability": e.probability,
            "source_nat": e.source_nat,
        }
        for e in trace.endpoints
    ] or [no_endpoint]


def _step_rows(rules: RuleSet, traces: Mapping[str, Sequence[int]]) -> pl.DataFrame:
    """Rows of `trace_steps`, from the indexes of the rules that each trace followed, by trace id."""
    import polars as pl

    indexes = [index for rows in traces.values() for index in rows]
    trace_ids = [trace_id for trace_id, rows in traces.items() for _ in rows]
    steps = [step for rows in traces.values() for step in range(1, len(rows) + 1)]
    texts = [rules.columns[name].gather(indexes) for name in ("table_name", "chain", "file", "line_number", "text")]
    columns = [pl.Series("trace_id", trace_ids, dtype=pl.String), pl.Series("step", steps, dtype=pl.Int32), *texts]
    return pl.DataFrame(columns)


def _decides(trace: Trace) -> bool:
    """Whether a trace is worth a row: the rules translate, drop or reject, or it is uncertain whether they do."""
    is_uncertain = any(reason not in (NO_FILTER, NO_NAT) for reason in trace.uncertain_because)
    return is_uncertain or trace.verdict in _TRANSLATED_OR_REFUSED
