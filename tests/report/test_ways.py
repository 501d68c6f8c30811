"""Where clients were, how many a node remembers, and what captures missed."""

from __future__ import annotations

from .conftest import NODES, START_US, connection, database

Rows = list[dict[str, object]]


def test_clients_are_grouped_by_network_pods_and_nodes() -> None:
    clients = ["203.0.113.7", "203.0.113.8", "198.51.100.1", "10.1.0.9", "10.2.0.1", "2001:db8::7", "fd00::1", None]
    addresses: Rows = [{"ip": "10.1.0.9", "in_pod_range": True}, {"ip": "10.2.0.1", "owner_node": NODES[1]}]
    rows = [connection(n, service="a/b", client_ip=ip, ingress_node=NODES[0]) for n, ip in enumerate(clients)]
    with database({"connections": rows, "addresses": addresses}) as con:
        query = "SELECT client_group, connection_count FROM distribution_sources ORDER BY 1 NULLS LAST"
        assert con.sql(query).fetchall() == [
            ("198.51.100.0/24", 1),
            ("2001:db8::/32", 1),
            ("203.0.113.0/24", 2),
            ("fd00::/32", 1),
            ("nodes", 1),
            ("pods", 1),
            (None, 1),
        ]


def test_many_networks_become_fifty_and_others() -> None:
    rows = [connection(n, service="a/b", client_ip=f"203.{n % 60}.113.7") for n in range(110)]
    with database({"connections": rows}) as con:
        found = dict(con.sql("SELECT client_group, connection_count FROM distribution_sources").fetchall())
    assert len(found) == 51
    assert found["other networks"] == 10
    assert sum(found.values()) == 110


def test_a_list_counts_each_client_once() -> None:
    sticky = {"service": "a/b", "service_port": 80, "ingress_node": NODES[0], "pod_ip": "10.1.0.1", "pod_port": 8080}
    rows = [connection(n, **sticky, client_ip=f"203.0.113.{n % 5}", affinity="pinned") for n in range(20)]
    rows.append(connection(30, **sticky, client_ip=None, affinity="hidden"))
    with database({"connections": rows}) as con:
        query = "SELECT node, pod_ip, client_count, connection_count FROM distribution_lists"
        assert con.sql(query).fetchall() == [(NODES[0], "10.1.0.1", 5, 20)]


def test_what_captures_missed_is_counted_by_file() -> None:
    capture = {"capture_id": "0000000a", "node": NODES[0], "file": "f", "kind": "packets"}
    talk = {"capture_id": "0000000a", "node": NODES[0], "protocol": "tcp", "flagged_packets": 4, "start_us": START_US}
    counts = {"upper_syns": 0, "lower_synacks": 0, "lower_packets": 2, "upper_packets": 2}
    talks: Rows = [
        talk | counts | {"first_line": n, "lower_syns": int(n > 0), "upper_synacks": 1, "isn": 5, "lower_first_seq": 6}
        for n in range(10)
    ]
    flows: Rows = [
        {"flow_id": f"0000000a-{n}", "protocol": "tcp", "packet_count": 2, "reply_packet_count": min(n, 2)}
        for n in range(10)
    ]
    with database({"captures": [capture], "conversations": talks, "flows": flows}) as con:
        query = "SELECT file, missing_count, flow_count, one_sided_count FROM distribution_losses"
        assert con.sql(query).fetchall() == [("f", 1, 10, 1)]
