"""The story of one connection in plain words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from pipeline.query.explain import socket

if TYPE_CHECKING:
    from pipeline.schema import Row


def render_text(story: Row) -> str:
    """The facts that `explain` gathered, for people."""
    parts = [_headline(story), _legs(story), _rewrite(story), _rules(story), _outcomes(story)]
    missing = cast("list[str]", story["missing"])
    if missing:
        parts.append("What is missing\n" + "".join(f"  - {m}\n" for m in missing))
    return "\n".join(p for p in parts if p)


def _headline(story: Row) -> str:
    connection = cast("Row", story["connection"])
    who = f"{socket(connection, 'client') or 'a hidden client'} -> {socket(connection, 'dest') or 'an unseen address'}"
    named = {
        "service": connection["service"],
        "entered at": connection["ingress_node"],
        "served by": connection["pod"] or socket(connection, "pod"),
        "on": connection["pod_node"],
        "source seen as": socket(connection, "snat"),
    }
    facts = [f"{words} {value}" for words, value in named.items() if value]
    lines = [
        f"{connection['connection_id']}: {connection['protocol']} {who}",
        f"  {', '.join(facts) or 'nothing is known of who served it'}",
        f"  label     {connection['label']}: {story['label_means']}",
        f"  evidence  {connection['evidence']}: {story['evidence_means']}",
        f"  affinity  {connection['affinity']}{_because(connection, story)}",
    ]
    return "\n".join(lines) + "\n"


def _because(connection: Row, story: Row) -> str:
    reason = connection["affinity_reason"]
    words = f" ({reason}): {story['affinity_reason_means']}" if reason else ""
    before = cast("Row | None", story["previous"])
    if before is None:
        return words
    went = before["pod"] or socket(before, "pod") or "an endpoint not known"
    then = f"{before['connection_id']}, {before['earlier_s']} s earlier, to {went}"
    return f"{words}\n    its client's connection before: {then}"


def _legs(story: Row) -> str:
    lines = []
    for leg in cast("list[Row]", story["legs"]):
        when = _clock(leg["start_us"]) if leg["start_us"] is not None else "no time"
        vantage = f"{leg['node']} {leg['interface'] or ''}".rstrip()
        attempt = ", an attempt that came to nothing" if leg["is_attempt"] else ""
        lines += [
            f"  {when}  {leg['leg']:<9} at {vantage}: {socket(leg, 'src')} -> {socket(leg, 'dst')}{attempt}",
            f"    {leg['packet_count']} packets, {leg['reply_packet_count']} in reply{_errors(leg)}",
            f"    first packet: {leg['file']}:{leg['line_number']}",
            f"    tshark -Y '{leg['display_filter']}'",
        ]
    return "Legs seen, each by its own node's clock\n" + "\n".join(lines) + "\n"


def _errors(leg: Row) -> str:
    return f", {leg['icmp_error_count']} ICMP errors about it: {leg['icmp_errors']}" if leg["icmp_error_count"] else ""


def _rewrite(story: Row) -> str:
    rewrite = cast("Row | None", story["rewrite"])
    if rewrite is None:
        return ""
    kept = {True: "", False: " (kept)", None: " (not known whether rewritten)"}[
        cast("bool | None", rewrite["source_nat"])
    ]
    lines = [
        f"  destination  {rewrite['destination_before'] or 'not seen'} -> {rewrite['destination_after']}{_pod(story)}",
        f"  source       {rewrite['source_before'] or 'hidden'} -> {rewrite['source_after'] or 'not seen'}{kept}",
    ]
    return "What was rewritten\n" + "\n".join(lines) + "\n"


def _pod(story: Row) -> str:
    pod = cast("Row | None", story["pod_then"])
    if pod is None:
        return ""
    since = f", there since {_date(pod['valid_from_us'])}" if pod["valid_from_us"] is not None else ""
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
    return "Outcomes the rules allow\n" + "\n".join(lines) + "\n" if lines else ""


def _outcome(outcome: Row) -> str:
    where = socket(outcome, "endpoint") or str(outcome["verdict"])
    share = f" {outcome['probability']:.1%}" if outcome["probability"] is not None else ""
    home = f" on {outcome['node']}" if outcome["node"] else ""
    doubt = "" if outcome["certain"] else " (not certain)"
    fate = "it went here" if outcome["is_chosen"] else f"excluded: {outcome['excluded_because']}"
    if not outcome["is_chosen"] and outcome["excluded_because"] is None:
        fate = "not excluded" if outcome["endpoint_ip"] else ""
    return where + share + home + doubt + (f": {fate}" if fate else "")
