"""The capture script: what to run on every node, and once against the cluster."""

from __future__ import annotations

from pipeline.formats.tshark.field_names import FIELD_TYPES

_SCRIPT = r"""#!/bin/sh
# Captures packets, rules and objects for hopscope. It installs and changes nothing, and writes into one folder.
#
# On every node, all nodes at the same time (60 seconds; every interface unless one is named):
#     sh kit.sh node peak-2 60 [INTERFACE]
# Once, anywhere kubectl works, before and after the load:
#     sh kit.sh cluster peak-2
# Then gather the folders into one and run:  hopscope run peak-2
#
# By ssh:            ssh root@NODE 'sh -s node peak-2 60' < kit.sh; scp -r root@NODE:peak-2 .
# Without ssh:       kubectl debug node/NODE -it --profile=sysadmin --image=IMAGE_WITH_TSHARK -- sh
#                    (in it: chroot /host where the node has tshark itself; kubectl cp brings the folder back)
# If `uname -n` is not the node's name in Kubernetes, set it: NODE_NAME=... sh kit.sh node ...
set -eu
export TZ=UTC LC_ALL=C

node() {
  folder=$1/nodes/${NODE_NAME:-$(uname -n)}
  interface=${3:-any}
  export="$folder/$interface-$(stamp).tsv"
  messages="$folder/tshark-messages"
  mkdir -p "$folder"
  dump "$folder"
  watch "$folder/conntrack-events-$(stamp).txt"
  # -l writes each line at once: tshark loses its buffer when it is killed.
  # No port in the filter: pods may listen on another port than the Service.
  tshark -i "$interface" -l -n -B 64 -a "duration:$2" -f 'tcp or udp or sctp or icmp or icmp6' \
    -T fields -E header=y -E separator=/t -E occurrence=a \
@FIELDS@
    > "$export" 2> "$messages" < /dev/null || cat "$messages" >&2
  stop
  grep -i 'dropped' "$messages" >&2 || true
  rm -f "$messages"
  if command -v zstd > /dev/null; then zstd -q --rm "$export"; fi
  dump "$folder"
}

# Rules and addresses, before and after the capture, so that a rollout in between shows. File names have the time.
dump() {
  now=$(stamp)
  save "$1/iptables-save-$now.txt" iptables
  save "$1/ip6tables-save-$now.txt" ip6tables
  # Only kube-proxy's own tables: nft shows rules that iptables wrote incompletely.
  keep "$1/nft-$now.txt" nft list table ip kube-proxy
  keep "$1/nft6-$now.txt" nft list table ip6 kube-proxy
  keep "$1/ipset-$now.txt" ipset save
  keep "$1/ipvsadm-$now.txt" ipvsadm -Ln
  keep "$1/ip-addr-$now.json" ip -j addr
  keep "$1/conntrack-$now.txt" conntrack -L -o extended
  keep "$1/xt_recent-$now.txt" recent_lists
}

# Saves the rules of the iptables backend that kube-proxy uses.
save() {
  for tool in "$2-save" "$2-nft-save" "$2-legacy-save"; do
    keep "$1" "$tool" -c
    if grep -q KUBE- "$1" 2> /dev/null; then return; fi
  done
  keep "$1" "$2-save" -c
}

# The xt_recent lists: the clients of each endpoint that has session affinity.
recent_lists() {
  for list in /proc/net/xt_recent/*; do
    if [ -f "$list" ]; then echo "== $list" && cat "$list"; fi
  done
}

# Runs a command if the node has it, and keeps its output unless it is empty.
keep() {
  file=$1
  shift
  command -v "$1" > /dev/null || return 0
  "$@" > "$file" 2> /dev/null < /dev/null || true
  [ -s "$file" ] || rm -f "$file"
}

# Records each connection that conntrack creates, from here to `stop`.
watch() {
  events=
  watched=$1
  command -v conntrack > /dev/null || return 0
  conntrack -E -o extended,timestamp > "$watched" 2> /dev/null < /dev/null &
  events=$!
  trap stop EXIT INT TERM
}

stop() {
  [ -n "$events" ] || return 0
  kill "$events" 2> /dev/null || true
  wait "$events" 2> /dev/null || true
  events=
  [ -s "$watched" ] || rm -f "$watched"
}

cluster() {
  folder=$1/cluster
  now=$(stamp)
  mkdir -p "$folder"
  for kind in services endpointslices pods nodes; do
    kubectl get "$kind" --all-namespaces -o json > "$folder/$kind-$now.json" < /dev/null
  done
}

stamp() {
  date -u +%Y%m%dT%H%M%SZ
}

case ${1:-} in
  node) node "${2:?a folder}" "${3:?seconds}" "${4:-}" ;;
  cluster) cluster "${2:?a folder}" ;;
  *) sed -n '2,15p' "$0" >&2; exit 2 ;;
esac
"""


def script() -> str:
    """Return the script, with the tshark fields that hopscope uses."""
    fields = [f"-e {name}" for name in FIELD_TYPES]
    lines = [" ".join(fields[i : i + 4]) for i in range(0, len(fields), 4)]
    return _SCRIPT.replace("@FIELDS@", "\n".join(f"    {line} \\" for line in lines))
