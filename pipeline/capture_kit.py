"""The script that makes ideal input: what to run on every node, and once against the cluster."""

from __future__ import annotations

from pipeline.formats.tshark_names import FIELD_TYPES

_SCRIPT = r"""#!/bin/sh
# Makes what hopscope reads best. Installs nothing, changes nothing; writes into one folder.
#
# On every node, all nodes at the same time (SECONDS of capture; every interface unless one is named):
#     sh kit.sh node peak-2 60 [INTERFACE]
# Once, anywhere kubectl works, before and after the load:
#     sh kit.sh cluster peak-2
# Then gather the folders into one and run:  hopscope run peak-2
#
# By ssh:            ssh root@NODE 'sh -s node peak-2 60' < kit.sh; scp -r root@NODE:peak-2 .
# Without ssh:       kubectl debug node/NODE -it --profile=sysadmin --image=IMAGE_WITH_TSHARK -- sh
#                    (in it: chroot /host where the node has tshark itself; kubectl cp brings the folder back)
set -eu

node() {
  folder=$1/nodes/$(uname -n)
  seconds=$2
  interface=${3:-any}
  mkdir -p "$folder"
  dump "$folder" before
  # -l writes each line at once: what tshark buffers is lost when it is killed.
  # No port in the filter: behind the Service the pods may listen on another one.
  tshark -i "$interface" -l -n -a "duration:$seconds" -f 'tcp or udp or sctp or icmp or icmp6' \
    -T fields -E header=y -E separator=/t -E occurrence=a \
@FIELDS@
    > "$folder/$interface.tsv" 2> "$folder/tshark-messages.log" || cat "$folder/tshark-messages.log" >&2
  rm -f "$folder/tshark-messages.log"
  dump "$folder" after
}

# Rules and addresses before and after: a rollout in between shows.
dump() {
  keep "$1/iptables-save-$2.txt" iptables-save -c
  keep "$1/ip6tables-save-$2.txt" ip6tables-save -c
  keep "$1/nft-ruleset-$2.txt" nft list ruleset
  keep "$1/ipvsadm-$2.txt" ipvsadm -Ln
  keep "$1/ip-addr-$2.json" ip -j addr
  keep "$1/conntrack-$2.txt" conntrack -L -o extended
  if [ -d /proc/net/xt_recent ]; then
    (cd /proc/net/xt_recent && for list in *; do [ -f "$list" ] && echo "== $list" && cat "$list"; done) \
      > "$1/xt_recent-$2.txt" || true
    [ -s "$1/xt_recent-$2.txt" ] || rm -f "$1/xt_recent-$2.txt"
  fi
}

# Runs a command if the node has it; keeps its output only if there is some.
keep() {
  file=$1
  shift
  command -v "$1" > /dev/null || return 0
  "$@" > "$file" 2> /dev/null || true
  [ -s "$file" ] || rm -f "$file"
}

cluster() {
  folder=$1/cluster
  stamp=$(date -u +%Y%m%dT%H%M%SZ)
  mkdir -p "$folder"
  for kind in services endpointslices pods nodes; do
    kubectl get "$kind" --all-namespaces -o json > "$folder/$kind-$stamp.json"
  done
}

case ${1:-} in
  node) node "${2:?a folder}" "${3:?seconds}" "${4:-}" ;;
  cluster) cluster "${2:?a folder}" ;;
  *) sed -n '2,14p' "$0" >&2; exit 2 ;;
esac
"""


def script() -> str:
    """The script, with the field list that hopscope reads best."""
    fields = [f"-e {name}" for name in FIELD_TYPES]
    lines = [" ".join(fields[i : i + 4]) for i in range(0, len(fields), 4)]
    return _SCRIPT.replace("@FIELDS@", "\n".join(f"    {line} \\" for line in lines))
