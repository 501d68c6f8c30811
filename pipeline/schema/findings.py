"""Every finding by name: how bad it is, what it means, and what to do. docs/reference/findings.md shows the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from pipeline.schema.declare import Row


class Known(NamedTuple):
    """What is known of a finding before it is found; the row in `findings` has the particulars."""

    severity: str
    about: str
    remedy: str


_TEXT = """
capture-loss | warning | TCP handshakes lack packets that must have been there: the capture lost some. | Capture fewer interfaces, with a filter or a larger buffer (`tshark -B 64`), or write a pcap and export later.
clients-to-any-node | warning | A Service remembers its clients, each node by itself, and the load balancer sends a client to any node. | Let the load balancer go by client too: `loadDistribution` SourceIP.
clients-to-one-node | note | The load balancer sends all connections of a client to one node. | Load from many clients if all nodes are to be used.
clock-unsteady | warning | A node's clock moved against the others' while packets were captured. | Look at `chronyc tracking` on it before the next capture.
clocks-apart | warning | The clocks of two nodes differ by more than 50 ms; it is corrected where their times are compared. | Let all nodes follow one clock (chrony, ntpd).
coarse-times | note | The times of an export are whole milliseconds. | Export `frame.time_epoch` as well.
copy-of-a-file | note | Two files of one node have the same content; it is read once. | Nothing.
elided-endpoints | warning | kubectl left endpoints out of its table. | Take `kubectl get endpointslices -A -o json`.
empty-export | warning | An export holds no packet, or only what tshark says on stderr. | Capture again with `-l`: tshark loses what it buffered when it is killed.
empty-file | warning | A file has nothing in it. | Make it again; an export with `-l`.
icmp-errors | note | ICMP errors speak of captured flows: something was refused, too big or not to be reached. | See `icmp_errors`, `flows` and `hopscope explain`; a Service without endpoints is refused so.
ipvs | note | The node's rules are IPVS's: traced from Service to real servers only. | Add `iptables-save` and `ipset save` of the node.
legacy-tables-present | warning | There are rules of the other iptables backend, which the dump does not show. | Dump both: `iptables-nft-save` and `iptables-legacy-save`.
lossy-view | warning | nft shows rules that iptables-nft wrote, and leaves parts of them out. | Dump with `iptables-save` instead.
lost-destination | warning | The tool that printed the rules lost a destination. | Dump with a tool as new as the one that wrote the rules.
lost-matches | warning | The tool that printed the rules left matches out of them. | Dump with kube-proxy's own `iptables-save`.
misnamed-chain | warning | A chain's name is not the hash of the Service, port and endpoint that it is for. | Do not rely on the names: the rules were edited, or another program wrote them.
missing-chain | warning | A chain is jumped to and not in the dump. | Dump the whole table: `iptables-save`.
no-addresses | warning | A table of pods has no IP column. | Take `kubectl get pods -A -o json`, or `-o wide`.
no-capture | warning | A node of the cluster, or one with rules, has no capture. | Capture on all nodes at the same time.
no-kube-chains | warning | Nothing of kube-proxy is in a rule dump. | Dump in the node's own network namespace, as root, with the backend that kube-proxy uses.
no-protocols | note | An export names no protocols: packets in tunnels and ICMP errors cannot be told from others. | Export `ip.proto` and `ipv6.nxt` as well.
no-rules | warning | A node has packets and no rules, or a dump names chains and shows no rule. | Run `iptables-save` (or `nft list ruleset`) on it.
node-alias | note | A captured node is called otherwise by the cluster's objects, as an address that both have tells; it is one node, and tables of objects keep their name for it. | Name folders as `kubectl get nodes` does.
node-unclear | warning | A file lies in no node's folder, and its name is like no node's that has packets: it is taken for another node's. | Say whose it is: `--node NAME=FILE`, once for each file; or make folders `nodes/NAME/`.
not-used | note | Something was understood, and nothing is taken from it. | Nothing.
occurrence-trap | warning | The export pairs outer addresses with inner ports; such packets are kept without ports. | Export with `-E occurrence=a`.
odd-archive-members | warning | An archive holds links, devices or paths that lead out of it; they are left out. | Look at the list of `tar -tvf`.
open-shares | warning | The shares of a Service's chain do not sum to 1: rules are missing. | Dump the whole chain.
packets-dropped | warning | tshark says that it dropped packets. | Capture with a filter or a larger buffer (`tshark -B 64`).
read-by-tshark | note | A capture file was exported by the tshark of this machine. | Nothing.
refused-archive | error | An archive unpacks to far more than a capture would. | Unpack it yourself, and give the folder.
refused-export | warning | A form of tshark's output that is not read, such as `-V` or PDML. | Export again with `-T fields`.
relative-times | warning | The times of an export count from the start of its capture: its packets have no time. | Export `frame.time_epoch`, or say when the capture began: `--time-zero FILE=TIME`.
requests-not-captured | warning | The load generator counts more answered requests than the captures hold. | See whether every node was captured all the time, and without loss.
rule-drift | warning | A node's rules treat Services otherwise than most nodes' rules do; `rule_drifts` has the particulars. | Dump all nodes at one moment; if it lasts, look at kube-proxy's log on that node.
rules-outdated | warning | Connections reached endpoints that the rules dumped do not have: the dump is older or newer than the traffic. | Dump the rules right before and after the load.
same-packets | warning | Two exports of a node hold the same packets; of each conversation the one that tells more is used. | Nothing, or keep one of the two.
stale-dump | warning | Rules, addresses or objects were taken more than an hour before or after the packets (15 hours where only iptables-save tells, without its zone). | Take them right before and after the load; `hopscope capture-kit` does.
talk-in-export | note | Lines of an export are what tshark or a shell says; they are counted as no rows. | Keep stderr apart: `2> messages.txt`.
truncated-file | warning | Compressed data, an archive or a dump of rules ends early; what came before is read, and no decision of such a dump is certain. | Copy the file again, or take it again.
tunnel-not-decoded | warning | Packets of a tunnel that tshark did not look into. | Export with `-d udp.port==PORT,vxlan -E occurrence=a`.
unclear-times | warning | Times without a date, or in a zone whose name can mean several: such packets have no time. | Export `frame.time_epoch`, or set `TZ=UTC` for tshark.
unlisted-node | warning | A captured node is none of those that the cluster's objects name, while some of these were not captured: it may be one of them, so where the pods of those live is not known. | Name folders as `kubectl get nodes` does, or add `ip -j addr` of each node.
unread-rules | warning | Lines of a dump of rules could not be read: no decision of it is certain. | Look at them in `rejects`; dump again.
unreadable-file | error | A file cannot be read at all. | The finding says what is in the way.
unrecognised-file | warning | A file is no input form that is known. | Take it out of the folder, or see the list of input forms.
unsupported-revision | warning | The tool that printed the rules is older than the one that wrote them. | Dump with the kube-proxy container's own `iptables-save`.
witnesses-disagree | warning | Connection tracking, or a list of remembered clients, says another thing than the packets do, or packets were seen on a node where they cannot have been. | Look at both with `hopscope explain`; see whether a file has the wrong node's name.
zone-assumed | note | Dates that name no time zone are taken for UTC. | Export `frame.time_epoch`; `-t ad` prints local time.
"""

FINDINGS: dict[str, Known] = {
    name: Known(*rest) for name, *rest in (line.split(" | ") for line in _TEXT.strip().splitlines())
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of one input or of the whole capture: what is wrong, and what to do."""

    finding: str
    severity: str
    message: str
    remedy: str
    line_number: int | None = None

    @classmethod
    def declared(cls, name: str, message: str, remedy: str = "", line_number: int | None = None) -> Self:
        """A finding with its declared severity, and with its declared remedy unless a more specific one is given."""
        declaration = FINDINGS[name]
        return cls(name, declaration.severity, message, remedy or declaration.remedy, line_number)

    def row(self, node: object = None, file: object = None) -> Row:
        """A row of the table `findings`."""
        return asdict(self) | {"node": node, "file": file}
