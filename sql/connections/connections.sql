-- about: Every connection once, with its label and what the label rests on.
-- grain: conversation
-- key: connection_id
-- Labels in order of precedence, each with its colour and pattern in charts, and its meaning; the CASE decides by it.
-- label: affinity-pinned #009e73 x Session affinity sent it to the endpoint its client had before, on the same node.
-- label: snat-forwarded #d55e00 / Served on another node than it entered at; the client's address was replaced.
-- label: direct #0072b2 solid Served on the node it entered at.
-- label: forwarded #cc79a7 \ Served on another node than it entered at; the client's address was kept.
-- label: pod-to-pod #56b4e9 - A pod's address was dialled directly.
-- label: dropped light-dark(#000000,#ffffff) + The node's rules drop or reject it.
-- label: other #999999 . Not a Service's traffic.
-- label: unlabelled light-dark(#6b7075,#b4babf) | Not decidable from what was captured; `reason` says why.
-- column: connection_id VARCHAR The flow_id of its anchor: the ingress leg if seen.
-- column: protocol VARCHAR tcp, udp, sctp, ...
-- column: client_ip VARCHAR Client's address; NULL if hidden behind SNAT.
-- column: client_port INTEGER Client's port; NULL if hidden behind SNAT.
-- column: dest_ip VARCHAR Address the client dialled; NULL if no leg shows it.
-- column: dest_port INTEGER Port the client dialled.
-- column: service VARCHAR namespace/name.
-- column: service_port INTEGER The Service's own port number.
-- column: ingress_node VARCHAR Node whose rules translated it.
-- column: pod VARCHAR namespace/name of the pod that served it.
-- column: pod_ip VARCHAR Address of the endpoint that served it.
-- column: pod_port INTEGER Port of the endpoint.
-- column: pod_node VARCHAR Node of the endpoint.
-- column: hop VARCHAR local, forwarded, none or unknown.
-- column: source_nat BOOLEAN Whether the source was rewritten; NULL if not known.
-- column: snat_ip VARCHAR Address it was rewritten to, as seen.
-- column: snat_port INTEGER Port it was rewritten to, as seen.
-- column: affinity VARCHAR none, first, pinned, moved, expired, hidden or unknown.
-- column: affinity_reason VARCHAR Why, where there is a reason to give.
-- column: label VARCHAR The one word to group by; see the reference of labels.
-- column: evidence VARCHAR The strongest ground for the label; see the reference of evidence.
-- column: reason VARCHAR Why it is unlabelled, or what the label rests on where that is less than whole.
-- column: candidates VARCHAR What it could be, with shares, where that is not decided.
-- column: trace_id VARCHAR The trace of the rules that decided; NULL where none did.
-- column: start_us BIGINT First packet of the anchor flow.
-- column: end_us BIGINT Last packet of the anchor flow.
-- column: packet_count BIGINT Packets of the anchor flow, both directions.
-- column: byte_count BIGINT Bytes of the anchor flow, both directions.
-- column: request_count BIGINT HTTP requests, where the export says so.
-- column: flow_count BIGINT Flows joined into it.
WITH judged AS (
  SELECT
    o.*,
    CASE
      WHEN is_post_nat THEN CASE WHEN client_hidden THEN 'hidden' ELSE 'unknown' END
      WHEN leg = 'ingress' AND affinity_s IS NOT NULL THEN COALESCE(f.affinity, 'unknown')
      WHEN leg = 'ingress' AND COALESCE(certain, FALSE) THEN 'none'
      WHEN leg = 'ingress' THEN 'unknown'
      ELSE 'none'
    END AS affinity,
    f.affinity_reason
  FROM connection_outcomes AS o
  LEFT JOIN affinity_results AS f ON f.connection_id = o.connection_id
),
labelled AS (
  SELECT
    j.*,
    CASE
      WHEN affinity = 'pinned' AND hop IN ('local', 'forwarded') THEN 'affinity-pinned'
      WHEN affinity IN ('unknown', 'hidden') AND has_client_affinity THEN 'unlabelled'
      WHEN hop = 'forwarded' AND source_nat THEN 'snat-forwarded'
      WHEN hop = 'local' THEN 'direct'
      WHEN hop = 'forwarded' AND NOT source_nat THEN 'forwarded'
      WHEN situation = 'pod-dialled' THEN 'pod-to-pod'
      WHEN situation = 'refused' THEN 'dropped'
      WHEN situation = 'no-service' THEN 'other'
      ELSE 'unlabelled'
    END AS label
  FROM judged AS j
)
SELECT
  connection_id,
  protocol,
  CASE WHEN NOT client_hidden THEN src_ip END AS client_ip,
  CASE WHEN NOT client_hidden THEN src_port END AS client_port,
  CASE WHEN NOT is_post_nat THEN dst_ip END AS dest_ip,
  CASE WHEN NOT is_post_nat THEN dst_port END AS dest_port,
  service,
  service_port,
  CASE
    WHEN leg = 'ingress' THEN rules_node
    WHEN situation IN ('from-node', 'node-originated') THEN src_node
  END AS ingress_node,
  pod,
  pod_ip,
  pod_port,
  pod_node,
  hop,
  source_nat,
  CASE WHEN situation = 'joined' AND post_nat_src_ip <> src_ip THEN post_nat_src_ip WHEN client_hidden THEN src_ip END AS snat_ip,
  CASE WHEN situation = 'joined' AND post_nat_src_ip <> src_ip THEN post_nat_src_port WHEN client_hidden THEN src_port END AS snat_port,
  affinity,
  affinity_reason,
  label,
  CASE
    WHEN label = 'unlabelled' THEN 'unknown'
    WHEN situation = 'joined' THEN join_evidence
    WHEN situation IN ('ruled', 'refused') THEN 'rules'
    WHEN situation = 'stayed' THEN 'absence'
    WHEN situation = 'from-assumed-node' THEN 'assumed'
    ELSE 'addresses'
  END AS evidence,
  CASE
    WHEN label = 'unlabelled' AND hop <> 'unknown' AND has_client_affinity AND affinity = 'hidden' THEN 'affinity-hidden'
    WHEN label = 'unlabelled' AND hop <> 'unknown' AND has_client_affinity THEN 'affinity-unknown'
    WHEN label = 'unlabelled' AND situation IN ('joined', 'ruled', 'near', 'stayed') THEN
      CASE WHEN hop = 'unknown' THEN 'endpoint-node-unknown' ELSE 'source-nat-unknown' END
    WHEN label = 'unlabelled' THEN situation
    WHEN situation = 'near' AND NOT certain THEN 'uncertain-rules'
    WHEN situation = 'from-assumed-node' THEN 'source-is-no-known-node'
    WHEN conflict IS NOT NULL THEN 'witnesses-disagree'
    WHEN pod_owners IS NOT NULL THEN 'ambiguous-pod'
  END AS reason,
  CASE
    WHEN situation = 'witnesses-disagree' THEN conflicting_endpoints
    WHEN leg = 'ingress' AND pod_ip IS NULL THEN candidates
    WHEN pod_owners IS NOT NULL THEN pod_owners
    WHEN is_post_nat AND service_count > 1 THEN owner_services
  END AS candidates,
  trace_id,
  start_us,
  end_us,
  packet_count,
  byte_count,
  request_count,
  flow_count
FROM labelled
