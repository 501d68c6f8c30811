"""A router in a network namespace, for tests against the kernel itself."""

from __future__ import annotations

import os

import pytest

from tests.rules.kernel import run


@pytest.fixture(scope="session")
def router():
    """Namespaces client and router, joined; what the router forwards goes to a cable that nobody answers on."""
    client, name = f"hop-c{os.getpid()}", f"hop-r{os.getpid()}"
    for namespace in (client, name):
        run("ip", "netns", "add", namespace)
    setup = f"""
        ip link add c0 netns {name} type veth peer name eth0 netns {client}
        ip -n {name} link add s0 type veth peer name s1
        ip -n {name} addr add 10.9.0.1/24 dev c0
        ip -n {name} addr add 10.9.1.1/24 dev s0
        ip -n {name} link set s0 arp off
        ip -n {name} link set lo up
        ip -n {name} link set c0 up
        ip -n {name} link set s0 up
        ip -n {name} link set s1 up
        ip -n {name} route add default dev s0
        ip -n {client} addr add 10.9.0.2/24 dev eth0
        ip -n {client} link set eth0 up
        ip -n {client} route add default via 10.9.0.1
        ip netns exec {name} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.c0.rp_filter=0
        ip netns exec {name} sysctl -qw net.ipv4.conf.s0.rp_filter=0 net.ipv4.conf.default.rp_filter=0
    """
    try:
        for line in setup.strip().splitlines():
            run(*line.split())
        yield client, name
    finally:
        for namespace in (client, name):
            run("ip", "netns", "del", namespace)
