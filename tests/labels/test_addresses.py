"""Whose address is it: where two nodes claim one, it is neither's; the narrowest range around it counts."""

from __future__ import annotations

from pipeline.labelling.address_book import AddressBook


def row(node: str, cidr: str, kind: str = "interface") -> dict[str, object]:
    return {"node": node, "cidr": cidr, "kind": kind}


def test_an_address_that_two_nodes_have_is_each_one_s_own_and_nobody_s_alone():
    book = AddressBook([row("a", "172.17.0.1/32"), row("b", "172.17.0.1/32"), row("b", "10.0.0.2/32")], [])
    assert [book.owner("172.17.0.1"), book.owner("10.0.0.2")] == [None, "b"]
    assert [book.own_addresses("a"), book.own_addresses("b")] == [["172.17.0.1"], ["10.0.0.2", "172.17.0.1"]]


def test_one_node_told_of_twice_is_one():
    assert AddressBook([row("a", "10.0.0.1/32"), row("a", "10.0.0.1/32", "node")], []).owner("10.0.0.1") == "a"


def test_two_clusters_with_one_pod_range_leave_its_addresses_open():
    book = AddressBook([row("a", "10.244.0.0/24", "pods"), row("x", "10.244.0.0/24", "pods")], [])
    assert book.row("10.244.0.9")["host_node"] is None
    assert book.owner("10.244.0.1") is None
    assert book.own_addresses("x") == ["10.244.0.1"]


def test_the_narrowest_range_around_an_address_is_its_home():
    book = AddressBook([row("a", "10.244.0.0/16", "pods"), row("b", "10.244.7.0/24", "pods")], [])
    assert [book.row(ip)["host_node"] for ip in ("10.244.7.9", "10.244.8.9")] == ["b", "a"]


def test_a_bridge_that_an_interface_tells_of_is_not_guessed():
    book = AddressBook([row("a", "10.244.0.0/24", "pods"), row("b", "10.244.0.1/32")], [])
    assert book.owner("10.244.0.1") == "b"
