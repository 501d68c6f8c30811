-- about: One row per leg with the group of legs that are one connection, without a comparison of times. A group is a
-- about: connected component of fingerprints. Legs without a fingerprint (UDP, exports without sequence numbers), or in an
-- about: ambiguous component, are grouped by five-tuple and by position: the second use of a five-tuple on one interface is
-- about: the same connection as its second use on another.
-- about: Limit: the five-tuple changes at NAT, so groups without a fingerprint end there; `nat_pairs_by_time` may pair them.
-- grain: directed flow
-- key: flow_number
-- store: no
WITH components AS (
  SELECT f.flow_number, f.component
  FROM fingerprint_components AS f
  LEFT JOIN ambiguous_components AS a ON a.component = f.component
  WHERE a.component IS NULL
),
without_fingerprint AS (
  SELECT
    l.flow_number, c.protocol, c.src_ip, l.src_port, c.dst_ip, c.dst_port,
    ROW_NUMBER() OVER (
      PARTITION BY l.client_socket_number, l.interface, l.src_port ORDER BY l.start_us NULLS LAST, l.flow_number
    ) AS position
  FROM legs AS l
  INNER JOIN client_socket_context AS c ON c.client_socket_number = l.client_socket_number
  LEFT JOIN components AS f ON f.flow_number = l.flow_number
  WHERE f.flow_number IS NULL
)
SELECT flow_number, component AS group_key, TRUE AS has_fingerprint FROM components
UNION ALL
SELECT
  flow_number,
  MIN(flow_number) OVER (PARTITION BY protocol, src_ip, src_port, dst_ip, dst_port, position) AS group_key,
  FALSE AS has_fingerprint
FROM without_fingerprint
