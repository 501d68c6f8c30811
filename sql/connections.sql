-- about: Every connection once, with its label and what the label rests on. Label precedence is the order of the first CASE.
-- grain: connection
-- key: connection_id
WITH judged AS (
  SELECT
    o.*,
    CASE
      WHEN is_after THEN CASE WHEN client_hidden THEN 'hidden' ELSE 'unknown' END
      WHEN leg = 'ingress' AND affinity_s IS NOT NULL THEN COALESCE(f.affinity, 'unknown')
      WHEN leg = 'ingress' AND COALESCE(certain, FALSE) THEN 'none'
      WHEN leg = 'ingress' THEN 'unknown'
      ELSE 'none'
    END AS affinity,
    f.affinity_reason
  FROM outcomes AS o
  LEFT JOIN affinities AS f ON f.connection_id = o.connection_id
),
labelled AS (
  SELECT
    j.*,
    CASE
      WHEN affinity = 'pinned' AND hop IN ('local', 'forwarded') THEN 'affinity-pinned'
      WHEN affinity IN ('unknown', 'hidden') AND is_sticky THEN 'unlabelled'
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
  CASE WHEN NOT is_after THEN dst_ip END AS dest_ip,
  CASE WHEN NOT is_after THEN dst_port END AS dest_port,
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
  CASE WHEN situation = 'joined' AND after_src_ip <> src_ip THEN after_src_ip WHEN client_hidden THEN src_ip END AS snat_ip,
  CASE WHEN situation = 'joined' AND after_src_ip <> src_ip THEN after_src_port WHEN client_hidden THEN src_port END AS snat_port,
  affinity,
  affinity_reason,
  label,
  CASE
    WHEN label = 'unlabelled' THEN 'unknown'
    WHEN situation = 'joined' THEN join_grade
    WHEN situation IN ('ruled', 'refused') THEN 'rules'
    WHEN situation = 'stayed' THEN 'absence'
    WHEN situation = 'from-assumed-node' THEN 'assumed'
    ELSE 'addresses'
  END AS evidence,
  CASE
    WHEN label = 'unlabelled' AND hop <> 'unknown' AND is_sticky AND affinity = 'hidden' THEN 'affinity-hidden'
    WHEN label = 'unlabelled' AND hop <> 'unknown' AND is_sticky THEN 'affinity-unknown'
    WHEN label = 'unlabelled' AND situation IN ('joined', 'ruled', 'near', 'stayed') THEN
      CASE WHEN hop = 'unknown' THEN 'endpoint-node-unknown' ELSE 'source-nat-unknown' END
    WHEN label = 'unlabelled' THEN situation
    WHEN situation = 'near' AND NOT certain THEN 'uncertain-rules'
    WHEN situation = 'from-assumed-node' THEN 'source-is-no-known-node'
    WHEN disagreement IS NOT NULL THEN 'witnesses-disagree'
    WHEN pod_owners IS NOT NULL THEN 'ambiguous-pod'
  END AS reason,
  CASE
    WHEN situation = 'witnesses-disagree' THEN contestants
    WHEN leg = 'ingress' AND pod_ip IS NULL THEN candidates
    WHEN pod_owners IS NOT NULL THEN pod_owners
    WHEN is_after AND service_count > 1 THEN owner_services
  END AS candidates,
  trace_id,
  start_us,
  end_us,
  packet_count,
  byte_count,
  request_count,
  flow_count
FROM labelled
