"""The text form of `explain`: the facts of one connection, for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from pipeline.query.explain import socket_text

if TYPE_CHECKING:
    from pipeline.schema import Row


def render_text(story: Row) -> str:
    """The text of what `explain` returns."""
    parts = [_headline(story), _legs(story), _rewrite(story), _rules(story), _outcomes(story)]
    missing = cast("list[str]", story["missing"])
    if missing:
        parts.append("What is missing\n" + "".join(f"  - {m}\n" for m in missing))
    return "\n".join(p for p in parts if p)


def _headline(story: Row) -> str:
    connection = cast("Row", story["connection"])
    client = socket_text(connection, "client") or "a hidden client"
    destination = socket_text(connection, "dest") or "an unknown address"
    values = {
        "service": connection["service"],
        "ingress node": connection["ingress_node"],
        "served by": connection["pod"] or socket_text(connection, "pod"),
        "on": connection["pod_node"],
        "source rewritten to": socket_text(connection, "snat"),
    }
    facts = [f"{words} {value}" for words, value in values.items() if value]
    lines = [
        f"{connection['connection_id']}: {connection['protocol']} {client} -> {destination}",
        f"  {', '.join(facts) or 'service and pod unknown'}",
        f"  label     {connection['label']}: {story['label_means']}",
        f"  evidence  {connection['evidence']}: {story['evidence_means']}",
        f"  affinity  {connection['affinity']}{_affinity_reason(connection, story)}",
    ]
    return "\n".join(lines) + "\n"


def _affinity_reason(connection: Row, story: Row) -> str:
    reason = connection["affinity_reason"]
    words = f" ({reason}): {story['affinity_reason_means']}" if reason else ""
    previous = cast("Row | None", story["previous"])
    if previous is None:
        return words
    endpoint = previous["pod"] or socket_text(previous, "pod") or "an unknown endpoint"
    details = f"{previous['connection_id']}, {previous['earlier_s']} s earlier, to {endpoint}"
    return f"{words}\n    previous connection of its client: {details}"


def _legs(story: Row) -> str:
    lines = []
    for leg in cast("list[Row]", story["legs"]):
        when = _clock(leg["start_us"]) if leg["start_us"] is not None else "no time"
        vantage = f"{leg['node']} {leg['interface'] or ''}".rstrip()
        attempt = ", a failed attempt" if leg["is_attempt"] else ""
        lines += [
            f"  {when}  {leg['leg']:<9} at {vantage}: {socket_text(leg, 'src')} -> {socket_text(leg, 'dst')}{attempt}",
            f"    {leg['packet_count']} packets, {leg['reply_packet_count']} in reply{_errors(leg)}",
            f"    first packet: {leg['file']}:{leg['line_number']}",
            f"    tshark -Y '{leg['display_filter']}'",
        ]
    return "Legs captured, each with the time of its own node's clock\n" + "\n".join(lines) + "\n"


def _errors(leg: Row) -> str:
    return f", {leg['icmp_error_count']} ICMP errors: {leg['icmp_errors']}" if leg["icmp_error_count"] else ""


def _rewrite(story: Row) -> str:
    rewrite = cast("Row | None", story["rewrite"])
    if rewrite is None:
        return ""
    kept = {True: "", False: " (kept)", None: " (unknown whether rewritten)"}[
        cast("bool | None", rewrite["source_nat"])
    ]
    lines = [
        f"  destination  {rewrite['destination_before'] or 'unknown'} -> {rewrite['destination_after']}{_pod(story)}",
        f"  source       {rewrite['source_before'] or 'hidden'} -> {rewrite['source_after'] or 'unknown'}{kept}",
    ]
    return "Address rewriting\n" + "\n".join(lines) + "\n"


def _pod(story: Row) -> str:
    pod = cast("Row | None", story["pod_then"])
    if pod is None:
        return ""
    since = f", since {_date(pod['valid_from_us'])}" if pod["valid_from_us"] is not None else ""
    until = f", until {_date(pod['valid_to_us'])}" if pod["valid_to_us"] is not None else ""
    return f" ({pod['pod']} on {pod['node']}{since}{until})"


def _date(microseconds: object) -> str:
    return datetime.fromtimestamp(int(str(microseconds)) / 1e6, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _clock(microseconds: object) -> str:
    return datetime.fromtimestamp(int(str(microseconds)) / 1e6, tz=UTC).strftime("%H:%M:%S.%f")


def _rules(story: Row) -> str:
    rules = cast("list[Row]", story["rules"])
    if not rules:
        return ""
    return "Rules followed\n" + "".join(f"  {r['file']}:{r['line_number']}: {r['text']}\n" for r in rules)


def _outcomes(story: Row) -> str:
    lines = [f"  {_outcome(o)}" for o in cast("list[Row]", story["outcomes_allowed"])]
    return "Outcomes that the rules allow\n" + "\n".join(lines) + "\n" if lines else ""


def _outcome(outcome: Row) -> str:
    target = socket_text(outcome, "endpoint") or str(outcome["verdict"])
    share = f" {outcome['probability']:.1%}" if outcome["probability"] is not None else ""
    node = f" on {outcome['node']}" if outcome["node"] else ""
    certainty = "" if outcome["certain"] else " (uncertain)"
    if outcome["is_chosen"]:
        result = ": chosen"
    elif outcome["excluded_because"]:
        result = f": excluded: {outcome['excluded_because']}"
    else:
        result = ": possible" if outcome["endpoint_ip"] else ""
    return target + share + node + certainty + result
