-- about: One row per connection to a service with session affinity, with its `affinity` and the reason for it: the connection
-- about: is compared with its client's previous one on the same ingress node and service port (`affinity_history`).
-- about: Timeout: only the first packet of a connection renews the kernel's entry, so the time runs from first packet to first
-- about: packet. If rules and objects give different timeouts, connections between the two are `unknown`.
-- about: Limits: a client's first connection that was captured may not be its first. If the node's capture began while
-- about: connections were under way, it is `unknown`; if the capture began less than the timeout before, it is `first` with the
-- about: reason `capture-start`. Where a capture lost the previous SYN, the timeout runs from a later packet.
-- grain: connection
-- key: connection_id
-- store: no
WITH capture_begins AS (
  SELECT c.node, MIN(c.first_us - COALESCE(k.clock_offset_us, 0)) AS begin_us
  FROM captures AS c
  LEFT JOIN clock_corrections AS k ON k.node = c.node
  WHERE c.kind = 'packets'
  GROUP BY c.node
),
ingress_sockets AS (
  SELECT
    client_socket_number,
    MIN(start_us) AS first_us,
    MAX(syn_count) AS max_syn_count
  FROM legs
  WHERE leg = 'ingress' AND syn_count IS NOT NULL
  GROUP BY client_socket_number
),
first_ingress_legs AS (
  SELECT c.rules_node, MIN(i.first_us) AS first_us
  FROM ingress_sockets AS i
  INNER JOIN client_socket_context AS c ON c.client_socket_number = i.client_socket_number
  WHERE c.protocol = 'tcp'
  GROUP BY c.rules_node
  HAVING MAX(i.max_syn_count) > 0
),
late_captures AS (
  -- nodes whose first ingress legs (0.1 s) have neither SYN nor SYN-ACK, though later ones have a SYN
  SELECT DISTINCT f.rules_node AS node
  FROM legs AS l
  INNER JOIN client_socket_context AS c ON c.client_socket_number = l.client_socket_number
  INNER JOIN first_ingress_legs AS f ON f.rules_node = c.rules_node
  WHERE l.leg = 'ingress' AND l.syn_count = 0 AND l.synack_count = 0 AND l.start_us <= f.first_us + 100000
    AND c.protocol = 'tcp'
),
compared AS (
  SELECT
    h.*,
    b.node IS NOT NULL AS began_later,
    f.connection_id IS NOT NULL OR g.connection_id IS NOT NULL AS has_conflict,
    COALESCE(corrected_start_us - i.begin_us <= CAST(max_affinity_s AS BIGINT) * 1000000, FALSE) AS is_early,
    CASE
      -- Nothing to compare: no time, no endpoint, or it is not sure that there is affinity.
      WHEN corrected_start_us IS NULL OR pod_ip IS NULL OR min_affinity_s = 0 THEN 'unknown'
      -- The node's xt_recent dump contradicts this connection or the previous one. Before all that trusts the packets.
      WHEN f.connection_id IS NOT NULL OR g.connection_id IS NOT NULL THEN 'unknown'
      -- No previous connection, but one may be older than the capture.
      WHEN previous_id IS NULL AND b.node IS NOT NULL THEN 'unknown'
      WHEN previous_id IS NULL THEN 'first'
      -- Longer than every timeout that rules or objects give. Before endpoints, because the entry is gone wherever it went.
      WHEN corrected_start_us - previous_us > CAST(max_affinity_s AS BIGINT) * 1000000 THEN 'expired'
      -- Longer than one timeout and not than the other.
      WHEN corrected_start_us - previous_us > CAST(min_affinity_s AS BIGINT) * 1000000 THEN 'unknown'
      -- The entry still holds: the two endpoints decide.
      WHEN previous_ip IS NULL THEN 'unknown'
      WHEN previous_ip = pod_ip AND previous_port = pod_port THEN 'pinned'
      ELSE 'moved'
    END AS affinity
  FROM affinity_history AS h
  LEFT JOIN late_captures AS b ON b.node = h.rules_node
  LEFT JOIN capture_begins AS i ON i.node = h.rules_node
  LEFT JOIN recent_list_conflicts AS f ON f.connection_id = h.connection_id
  LEFT JOIN recent_list_conflicts AS g ON g.connection_id = h.previous_id
)
SELECT
  c.connection_id,
  c.affinity,
  CASE
    -- Why it is unknown, in the order of the WHENs above.
    WHEN has_conflict THEN 'witnesses-disagree'
    WHEN affinity = 'unknown' AND min_affinity_s < max_affinity_s THEN 'settings-differ'
    WHEN previous_id IS NULL AND began_later THEN 'capture-began-later'
    -- What to know of a first one: the client has an earlier connection on another node,
    WHEN previous_id IS NULL AND first_us < corrected_start_us THEN 'other-node'
    -- or it may have had one before the capture.
    WHEN affinity = 'first' AND is_early THEN 'capture-start'
    WHEN affinity <> 'moved' THEN NULL
    ELSE COALESCE(m.cause, 'unexplained')
  END AS affinity_reason
FROM compared AS c
LEFT JOIN affinity_move_causes AS m ON m.connection_id = c.connection_id
