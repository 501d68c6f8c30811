-- about: One row per connection with its label, and with the facts and the evidence that the label rests on. The label follows
-- about: from `situation` and hop (`connection_outcomes`) and from affinity (`affinity_results`).
-- grain: connection
-- key: connection_id
-- Labels in order of precedence, each with its colour and pattern in charts, and its meaning; the CASE decides by it.
-- label: affinity-pinned #009e73 x Session affinity chose the endpoint of the client's previous connection, on the same node.
-- label: snat-forwarded #d55e00 / The pod runs on another node than the ingress node, and the connection was SNATed.
-- label: direct #0072b2 solid The pod runs on the ingress node.
-- label: forwarded #cc79a7 \ The pod runs on another node than the ingress node; source IP preserved.
-- label: pod-to-pod #56b4e9 - The destination is a pod's own address.
-- label: dropped light-dark(#000000,#ffffff) + The node's rules drop or reject it.
-- label: other #999999 . Not a Service's traffic.
-- label: unlabelled light-dark(#6b7075,#b4babf) | The captures do not decide it; `reason` names the cause.
-- column: connection_id VARCHAR The flow_id of its anchor: the ingress leg if seen.
-- column: protocol VARCHAR tcp, udp, sctp, ...
-- column: client_ip VARCHAR Client's address; NULL if hidden behind SNAT.
-- column: client_port INTEGER Client's port; NULL if hidden behind SNAT.
-- column: dest_ip VARCHAR Destination address that the client used; NULL if no leg shows it.
-- column: dest_port INTEGER Destination port that the client used.
-- column: service VARCHAR namespace/name.
-- column: service_port INTEGER The Service's own port number.
-- column: ingress_node VARCHAR Node whose rules chose the endpoint.
-- column: pod VARCHAR namespace/name of the pod that served it.
-- column: pod_ip VARCHAR Address of the endpoint that served it.
-- column: pod_port INTEGER Port of the endpoint.
-- column: pod_node VARCHAR Node of the endpoint.
-- column: hop VARCHAR local, forwarded, none or unknown.
-- column: source_nat BOOLEAN Whether the source was rewritten; NULL if not known.
-- column: snat_ip VARCHAR Source address after NAT, as seen.
-- column: snat_port INTEGER Source port after NAT, as seen.
-- column: affinity VARCHAR none, first, pinned, moved, expired, hidden or unknown.
-- column: affinity_reason VARCHAR Reason for the value of `affinity`; NULL if it needs none.
-- column: label VARCHAR The label; see the reference of labels.
-- column: evidence VARCHAR Strongest evidence for the label; see the reference of evidence.
-- column: reason VARCHAR Why it is unlabelled, or what weakens the evidence of its label.
-- column: candidates VARCHAR Possible endpoints with their shares, or possible owners, if that is not decided.
-- column: trace_id VARCHAR Trace of the rules that decided; NULL if none did.
-- column: start_us BIGINT First packet of the anchor flow.
-- column: end_us BIGINT Last packet of the anchor flow.
-- column: packet_count BIGINT Packets of the anchor flow, both directions.
-- column: byte_count BIGINT Bytes of the anchor flow, both directions.
-- column: request_count BIGINT HTTP requests; NULL if the export does not show them.
-- column: flow_count BIGINT Flows joined into it.
WITH with_affinity AS (
  SELECT
    o.*,
    CASE
      -- Only a leg after NAT was seen: affinity is kept per client, and the client is hidden or not known to have used a Service.
      WHEN is_post_nat THEN CASE WHEN client_hidden THEN 'hidden' ELSE 'unknown' END
      -- The Service has affinity.
      WHEN leg = 'ingress' AND max_affinity_s IS NOT NULL THEN COALESCE(f.affinity, 'unknown')
      -- Certain rules without affinity.
      WHEN leg = 'ingress' AND COALESCE(certain, FALSE) THEN 'none'
      -- No rules, or uncertain ones: they may hide affinity.
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
      -- Before the path, because affinity chose the endpoint and the path follows from it.
      WHEN affinity = 'pinned' AND hop IN ('local', 'forwarded') THEN 'affinity-pinned'
      -- It may be pinned, so no label of the path would be certain.
      WHEN affinity IN ('unknown', 'hidden') AND has_client_affinity THEN 'unlabelled'
      -- The path: hop and source NAT as `connection_outcomes` decides them, whatever the evidence.
      WHEN hop = 'forwarded' AND source_nat THEN 'snat-forwarded'
      -- Source NAT does not matter here: policy Cluster masquerades local connections too.
      WHEN hop = 'local' THEN 'direct'
      -- A hop whose source NAT is not known fits neither this WHEN nor snat-forwarded, and stays unlabelled.
      WHEN hop = 'forwarded' AND NOT source_nat THEN 'forwarded'
      -- No hop: the situation decides.
      WHEN situation = 'to-pod-address' THEN 'pod-to-pod'
      WHEN situation = 'dropped-by-rules' THEN 'dropped'
      WHEN situation = 'no-service' THEN 'other'
      ELSE 'unlabelled'
    END AS label
  FROM with_affinity AS j
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
    WHEN situation IN ('from-other-node', 'node-originated') THEN src_node
  END AS ingress_node,
  pod,
  pod_ip,
  pod_port,
  pod_node,
  hop,
  source_nat,
  CASE WHEN situation = 'legs-joined' AND post_nat_src_ip <> src_ip THEN post_nat_src_ip WHEN client_hidden THEN src_ip END AS snat_ip,
  CASE WHEN situation = 'legs-joined' AND post_nat_src_ip <> src_ip THEN post_nat_src_port WHEN client_hidden THEN src_port END AS snat_port,
  affinity,
  affinity_reason,
  label,
  CASE
    -- No label, no evidence for it.
    WHEN label = 'unlabelled' THEN 'unknown'
    -- Seen before and after NAT: conntrack, stitched or time, as `nat_results` has it.
    WHEN situation = 'legs-joined' THEN join_evidence
    -- Certain rules leave one outcome. Rules that are not certain count as addresses (below).
    WHEN situation IN ('decided-by-rules', 'dropped-by-rules') THEN 'rules'
    -- No forward leg, where one would have been seen.
    WHEN situation = 'stayed-local' THEN 'absence'
    -- A source that is only taken for a node's. Apart from `addresses`, where the node is known.
    WHEN situation = 'from-assumed-node' THEN 'assumed'
    -- Source and destination address, and the nodes of endpoints, alone.
    ELSE 'addresses'
  END AS evidence,
  CASE
    -- Unlabelled with a known hop: affinity is what is missing. First, because the situation below would not show it.
    WHEN label = 'unlabelled' AND hop <> 'unknown' AND has_client_affinity AND affinity = 'hidden' THEN 'affinity-hidden'
    WHEN label = 'unlabelled' AND hop <> 'unknown' AND has_client_affinity THEN 'affinity-unknown'
    -- Unlabelled though the situation is decided: one of the two facts of the path is missing.
    WHEN label = 'unlabelled' AND situation IN ('legs-joined', 'decided-by-rules', 'all-endpoints-local', 'stayed-local') THEN
      CASE WHEN hop = 'unknown' THEN 'endpoint-node-unknown' ELSE 'source-nat-unknown' END
    -- Every other situation without a label is its own reason.
    WHEN label = 'unlabelled' THEN situation
    -- From here on the connection has a label; the reason shows what weakens it. Rules that are not certain:
    WHEN situation = 'all-endpoints-local' AND NOT certain THEN 'uncertain-rules'
    -- a source that no input names as a node's;
    WHEN situation = 'from-assumed-node' THEN 'source-is-no-known-node'
    -- conntrack against a leg joined by time (conntrack won);
    WHEN conntrack_difference IS NOT NULL THEN 'witnesses-disagree'
    -- several pods that claim the endpoint's address; the path does not depend on which it is.
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
