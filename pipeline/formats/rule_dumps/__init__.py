"""Dumps of packet-filter rules: iptables, nftables, ipsets, IPVS."""
