"""Numbers that stand for sockets, interfaces and protocols stand for one each, in every batch of an export."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest.flow_builder import TextNumbers

SOCKETS = st.tuples(st.sampled_from([None, "10.0.0.1", "10.0.0.2", "fd00::1"]), st.sampled_from([None, 0, 1, 65535]))
PACKETS = st.tuples(SOCKETS, SOCKETS, st.sampled_from([None, "eth0", "tcp"]), st.sampled_from([None, "tcp", "udp"]))


def batch(packets):
    texts = pa.dictionary(pa.int32(), pa.string())
    columns = {
        "src_ip": ([p[0][0] for p in packets], texts),
        "src_port": ([p[0][1] for p in packets], pa.int32()),
        "dst_ip": ([p[1][0] for p in packets], texts),
        "dst_port": ([p[1][1] for p in packets], pa.int32()),
        "interface": ([p[2] for p in packets], texts),
        "protocol": ([p[3] for p in packets], texts),
    }
    return pa.table({name: pa.array(cells, kind) for name, (cells, kind) in columns.items()})


@settings(deadline=None)
@given(st.lists(st.lists(PACKETS, max_size=8), max_size=3))
def test_numbers_give_back_what_they_stand_for(batches):
    numbered = TextNumbers()
    rows = [row for packets in batches for row in numbered.add_columns(batch(packets)).to_pylist()]
    text = {row["number"]: row["text"] for row in numbered.table().to_pylist()}

    def socket(number):
        return (text[number // 131072], number % 131072 - 1 if number % 131072 else None)

    for row in rows:
        interface, protocol = divmod(row["interface_and_protocol"], 2**32)
        assert (text[interface], text[protocol]) == (row["interface"], row["protocol"])
        for end in ("src", "dst"):
            known = (row[f"{end}_ip"], row[f"{end}_port"])
            assert row[end] is None if known[0] is None else socket(row[end]) == known
