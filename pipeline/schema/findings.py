"""Every finding by name: severity, meaning and remedy. docs/reference/findings.md shows the same table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from pipeline.schema.declare import Row


class Declaration(NamedTuple):
    """The fixed part of a finding; its row in `findings` has the details."""

    severity: str
    about: str
    remedy: str


_TEXT = """
capture-loss | warning | TCP handshakes lack packets that must exist: the capture lost some. | Capture fewer interfaces, with a filter or a larger buffer (`tshark -B 64`), or write a pcap and export later.
clients-to-any-node | warning | A Service has session affinity, which each node keeps on its own, but the load balancer may send a client's connections to different nodes. | Set the load balancer's `loadDistribution` to SourceIP.
clients-to-one-node | note | The load balancer sends all connections of a client to one node. | Use many clients if the load is to reach all nodes.
clock-unsteady | warning | A node's clock moved against the other clocks during the capture. | Look at `chronyc tracking` on it before the next capture.
clocks-apart | warning | A node's clock differs from the reference clock by more than 50 ms; hopscope corrects for it where it compares times of two nodes. | Synchronise all nodes with one clock (chrony, ntpd).
coarse-times | note | The times of an export are whole milliseconds. | Export `frame.time_epoch` as well.
copy-of-a-file | note | Two files of one node have the same content; it is read once. | Nothing.
elided-endpoints | warning | kubectl left endpoints out of its table. | Take `kubectl get endpointslices -A -o json`.
empty-export | warning | An export holds no packet, or only messages that tshark wrote to stderr. | Capture again with `-l`: tshark loses its buffer when it is killed.
empty-file | warning | A file is empty. | Create it again. For an export, use `-l`.
icmp-errors | note | ICMP errors quote captured flows: a packet was refused, too big or undeliverable. | See `icmp_errors`, `flows` and `hopscope explain`; a Service without endpoints refuses connections this way.
ipvs | note | The node runs kube-proxy in IPVS mode; hopscope traces only from Service to real servers. | Add `iptables-save` and `ipset save` of the node.
legacy-tables-present | warning | The node also has rules of the other iptables backend, which the dump does not show. | Dump both: `iptables-nft-save` and `iptables-legacy-save`.
lossy-view | warning | nft lists rules that iptables-nft wrote, and leaves parts of them out. | Dump with `iptables-save` instead.
lost-destination | warning | The tool that printed the rules lost a destination. | Dump with a tool as new as the one that wrote the rules.
lost-matches | warning | The tool that printed the rules left matches out of them. | Dump with kube-proxy's own `iptables-save`.
misnamed-chain | warning | A chain's name is not the hash of its Service, port and endpoint. | Do not rely on chain names here: the rules were edited, or another program wrote them.
missing-chain | warning | A rule jumps to a chain that the dump does not contain. | Dump the whole table: `iptables-save`.
no-addresses | warning | A table of pods has no IP column. | Take `kubectl get pods -A -o json`, or `-o wide`.
no-capture | warning | A node of the cluster, or one with rules, has no capture. | Capture on all nodes at the same time.
no-kube-chains | warning | A rule dump has no chain of kube-proxy. | Dump in the node's own network namespace, as root, with the backend that kube-proxy uses.
no-protocols | note | An export has no protocol column, so tunnelled packets and ICMP errors look like other packets. | Export `ip.proto` and `ipv6.nxt` as well.
no-rules | warning | A node has packets but no rules, or a dump names chains but shows no rule. | Run `iptables-save` (or `nft list ruleset`) on it.
node-alias | note | The cluster's objects have another name for a captured node; an address shows that both are one node. Tables of objects keep the cluster's name. | Name folders as `kubectl get nodes` does.
node-unclear | warning | A file lies in no node's folder, and its name matches no node that has packets; it counts as a node of its own, named after the file. | Name its node: `--node NAME=FILE`, once for each file; or make folders `nodes/NAME/`.
not-used | note | hopscope reads this kind of data but uses nothing of it. | Nothing.
occurrence-trap | warning | The export pairs outer addresses with inner ports; such packets are kept without ports. | Export with `-E occurrence=a`.
odd-archive-members | warning | An archive holds links, devices or paths that point outside it; they are left out. | Look at the list of `tar -tvf`.
open-shares | warning | The shares of a Service's chain do not sum to 1: rules are missing. | Dump the whole chain.
packets-dropped | warning | tshark reports dropped packets. | Capture with a filter or a larger buffer (`tshark -B 64`).
read-by-tshark | note | The tshark of this machine exported a capture file. | Nothing.
refused-archive | error | An archive unpacks to far more than a capture would. | Unpack it yourself, and give the folder.
refused-export | warning | hopscope does not read this form of tshark output, such as `-V` or PDML. | Export again with `-T fields`.
relative-times | warning | The times of an export count from the start of its capture, so its packets have no absolute time. | Export `frame.time_epoch`, or give the start of the capture: `--time-zero FILE=TIME`.
requests-not-captured | warning | The load generator counts more answered requests than the captures contain. | Check that every node was captured all the time, and without loss.
rule-drift | warning | A node's rules treat Services differently from most nodes; `rule_drifts` has the details. | Dump all nodes at one moment; if it persists, look at kube-proxy's log on that node.
rules-outdated | warning | Connections reached endpoints that the dumped rules lack: the dump is of another time than the traffic. | Dump the rules right before and after the load.
same-packets | warning | Two exports of a node hold the same packets; for each conversation hopscope uses the more detailed one. | Nothing, or keep one of the two.
stale-dump | warning | Rules, addresses or objects were taken more than an hour before or after the packets (15 hours if the dump has no time zone). | Take them right before and after the load; `hopscope capture-kit` does.
talk-in-export | note | An export contains messages of tshark or a shell; they do not count as rows. | Keep stderr apart: `2> messages.txt`.
truncated-file | warning | Compressed data, an archive or a rule dump ends early; hopscope reads the part before, and no decision of such a dump is certain. | Copy the file again, or take it again.
tunnel-not-decoded | warning | tshark did not decode the packets of a tunnel. | Export with `-d udp.port==PORT,vxlan -E occurrence=a`.
unclear-times | warning | Times have no date, or a time zone name with several meanings: such packets have no time. | Export `frame.time_epoch`, or set `TZ=UTC` for tshark.
unlisted-node | warning | A captured node is missing in the cluster's objects, and some listed nodes have no capture. It may be one of them under another name, so the nodes of their pods are unknown. | Name folders as `kubectl get nodes` does, or add `ip -j addr` of each node.
unread-rules | warning | Lines of a rule dump could not be parsed: no decision of it is certain. | Look at them in `rejects`; dump again.
unreadable-file | error | A file cannot be read at all. | The message names the cause; fix it.
unrecognised-file | warning | A file has no known input form. | Take it out of the folder, or see the list of input forms.
unsupported-revision | warning | The tool that printed the rules is older than the one that wrote them. | Dump with the kube-proxy container's own `iptables-save`.
witnesses-disagree | warning | conntrack or xt_recent contradicts the packets, or packets were captured on a node where they cannot occur. | Compare the two sources with `hopscope explain`; check that no file has the wrong node's name.
zone-assumed | note | Dates without a time zone are read as UTC. | Export `frame.time_epoch`, because `-t ad` prints local time, which may not be UTC.
"""

FINDINGS: dict[str, Declaration] = {
    name: Declaration(*fields) for name, *fields in (line.split(" | ") for line in _TEXT.strip().splitlines())
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of one input or of the whole capture: the message and the remedy."""

    finding: str
    severity: str
    message: str
    remedy: str
    line_number: int | None = None

    @classmethod
    def declared(cls, name: str, message: str, remedy: str = "", line_number: int | None = None) -> Self:
        """Return a finding with its declared severity, and its declared remedy unless a more specific one is given."""
        declaration = FINDINGS[name]
        return cls(name, declaration.severity, message, remedy or declaration.remedy, line_number)

    def row(self, node: object = None, file: object = None) -> Row:
        """Return a row of the table `findings`."""
        return asdict(self) | {"node": node, "file": file}
