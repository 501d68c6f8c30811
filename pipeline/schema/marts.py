"""What the report counts."""

from __future__ import annotations

from pipeline.schema.declare import table

TABLES = [
    table(
        "distribution_labels",
        "service, label, hop, source_nat, affinity and evidence",
        "run service label hop source_nat affinity evidence",
        """
service VARCHAR namespace/name; NULL for no service's.
label VARCHAR As in `connections`.
hop VARCHAR As in `connections`.
source_nat BOOLEAN As in `connections`.
affinity VARCHAR As in `connections`.
evidence VARCHAR As in `connections`.
connection_count BIGINT Connections.""",
    ),
    table(
        "distribution_paths",
        "service, way in and pod",
        "run service entered_at served_by pod_node hop",
        """
service VARCHAR namespace/name; NULL if not known.
entered_at VARCHAR Ingress node; the address it rewrote clients to where its name is not known; NULL if neither is.
served_by VARCHAR namespace/name of the pod; its address where its name is not known; NULL if neither is.
pod_node VARCHAR Node of the pod.
hop VARCHAR As in `connections`.
connection_count BIGINT Connections.
request_count BIGINT HTTP requests, where the export says so.
byte_count BIGINT Bytes of the anchor flows, both directions.""",
    ),
    table(
        "distribution_unlabelled",
        "service, way in and reason",
        "run service entered_at reason",
        """
service VARCHAR namespace/name; NULL if not known.
entered_at VARCHAR As in `distribution_paths`.
reason VARCHAR Why they are unlabelled.
connection_count BIGINT Connections.""",
    ),
    table(
        "distribution_times",
        "service, label, way in and time bucket",
        "run service label entered_at bucket_us",
        """
service VARCHAR namespace/name; NULL for no service's.
label VARCHAR As in `connections`.
entered_at VARCHAR As in `distribution_paths`.
bucket_us BIGINT Begin of the bucket.
width_us BIGINT Width of the buckets; one for the whole run.
connection_count BIGINT Connections that began in it.""",
    ),
]
