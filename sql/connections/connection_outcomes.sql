-- about: Where each connection went and on what ground, before affinity is judged.
-- about: Without rules of its node, what is dialled is known to be no Service's endpoint only if those of Services are known.
-- about: Hop and address rewriting come from the legs if they were joined, else from the rules if these leave no choice.
-- grain: connection
-- key: connection_id
-- store: view
WITH named AS (
  SELECT COUNT(*) > 0 AS has_services FROM service_ports
),
listed AS (
  SELECT COUNT(*) > 0 AS has_endpoints FROM endpoints
),
ruled AS (
  SELECT COUNT(CASE WHEN has_rules THEN 1 END) > 0 AS has_rules FROM client_socket_context
),
known AS (
  SELECT n.has_services AND (l.has_endpoints OR r.has_rules) AS has_services
  FROM named AS n
  CROSS JOIN listed AS l
  CROSS JOIN ruled AS r
),
shared AS (
  SELECT split_part(cidr, '/', 1) AS ip FROM matched_node_addresses WHERE kind <> 'pods' GROUP BY cidr HAVING COUNT(DISTINCT node) <> 1
),
situations AS (
  SELECT
    j.*,
    f.protocol IS NOT NULL AS has_drifted,
    o.service_count, o.services AS owner_services,
    CASE
      WHEN j.leg = 'ingress' THEN COALESCE(j.rules_service, j.object_service)
      WHEN j.is_post_nat THEN o.service
    END AS service,
    CASE
      WHEN j.leg = 'ingress' THEN COALESCE(j.rules_service_port, j.object_service_port)
      WHEN j.is_post_nat THEN o.service_port
    END AS service_port,
    CASE WHEN j.leg = 'ingress' THEN j.affinity_s IS NOT NULL ELSE j.is_post_nat AND COALESCE(o.has_client_affinity, FALSE) END
      AS has_client_affinity,
    CASE
      WHEN j.has_conflict THEN 'witnesses-disagree'
      WHEN j.may_be_on_other_node AND t.owner_node IS NULL AND (s.is_private OR s.in_pod_range) THEN 'uncertain-rules'
      WHEN j.leg = 'ingress' AND j.post_nat_dst_ip IS NOT NULL THEN 'joined'
      WHEN j.leg = 'ingress' AND f.is_local_policy AND j.certain AND j.rules_hop = 'local' THEN 'ruled'
      WHEN j.leg = 'ingress' AND f.protocol IS NOT NULL AND NOT COALESCE(j.has_fingerprint AND j.local_count > 0 AND j.all_seen AND j.all_shown AND NOT j.may_be_lost, FALSE)
        THEN 'rules-drifted'
      WHEN j.leg = 'ingress' AND j.certain AND j.verdict IN ('drop', 'reject')
        THEN CASE WHEN j.is_served THEN 'rules-drifted' ELSE 'refused' END
      WHEN j.leg = 'ingress' AND j.certain AND j.rules_hop <> 'unknown' AND f.protocol IS NULL THEN 'ruled'
      WHEN j.leg = 'ingress' AND j.rules_hop = 'local' AND f.protocol IS NULL AND j.may_be_answered THEN 'near'
      WHEN j.leg = 'ingress' AND j.certain AND j.local_count > 0 AND j.is_answered AND j.all_seen
        AND NOT j.has_unmatched_leg THEN CASE WHEN j.may_be_lost THEN 'capture-lossy' ELSE 'stayed' END
      WHEN j.leg = 'ingress' AND j.trace_id IS NULL THEN 'no-rules'
      WHEN j.leg = 'ingress' AND j.certain AND j.local_count > 0 AND NOT j.all_captured THEN 'capture-incomplete'
      WHEN j.leg = 'ingress' AND j.certain AND j.local_count > 0 AND j.is_answered
        THEN CASE WHEN j.has_unmatched_leg THEN 'leg-not-joined' ELSE 'capture-may-exclude-forward-leg' END
      WHEN j.leg = 'ingress' AND j.certain AND j.endpoint_count > 1 THEN 'ambiguous-endpoint'
      WHEN j.leg = 'ingress' AND j.certain THEN 'endpoint-node-unknown'
      WHEN j.leg = 'ingress' THEN 'uncertain-rules'
      WHEN j.is_post_nat AND d.node IS NULL THEN 'endpoint-node-unknown'
      WHEN j.is_post_nat AND j.src_node = d.node THEN 'node-originated'
      WHEN j.is_post_nat AND j.src_node IS NOT NULL THEN 'from-node'
      WHEN j.is_post_nat AND s.is_private AND NOT s.in_pod_range AND e.ip IS NULL AND o.rewrites_sources
        THEN 'from-assumed-node'
      WHEN j.is_post_nat THEN 'ingress-leg-not-captured'
      WHEN NOT j.has_rules AND NOT k.has_services THEN 'no-rules'
      WHEN COALESCE(t.in_pod_range, FALSE) OR d.pod IS NOT NULL OR d.claiming_pods IS NOT NULL THEN 'pod-dialled'
      ELSE 'no-service'
    END AS situation
  FROM connection_evidence AS j
  CROSS JOIN known AS k
  LEFT JOIN stale_rules AS f
    ON f.protocol = j.protocol AND f.dst_ip = j.dst_ip AND f.dst_port = j.dst_port
  LEFT JOIN endpoint_services AS o ON o.protocol = j.protocol AND o.ip = j.dst_ip AND o.port = j.dst_port
  LEFT JOIN address_owners AS d
    ON d.ip = j.dst_ip AND COALESCE(j.corrected_start_us, -1) >= d.valid_from_us AND COALESCE(j.corrected_start_us, -1) < d.valid_to_us
  LEFT JOIN addresses AS s ON s.ip = j.src_ip
  LEFT JOIN addresses AS t ON t.ip = j.dst_ip
  LEFT JOIN shared AS e ON e.ip = j.src_ip
),
aimed AS (
  SELECT
    s.*,
    situation IN ('from-node', 'from-assumed-node', 'node-originated') AS client_hidden,
    CASE
      WHEN situation = 'joined' THEN post_nat_dst_ip
      WHEN (has_drifted AND leg = 'ingress') OR situation = 'witnesses-disagree' THEN NULL
      WHEN situation = 'stayed' THEN local_ip
      WHEN leg = 'ingress' THEN endpoint_ip
      WHEN is_post_nat OR situation = 'pod-dialled' THEN dst_ip
    END AS pod_ip,
    CASE
      WHEN situation = 'joined' THEN post_nat_dst_port
      WHEN (has_drifted AND leg = 'ingress') OR situation = 'witnesses-disagree' THEN NULL
      WHEN situation = 'stayed' THEN local_port
      WHEN leg = 'ingress' THEN endpoint_port
      WHEN is_post_nat OR situation = 'pod-dialled' THEN dst_port
    END AS pod_port
  FROM situations AS s
)
SELECT
  a.*,
  COALESCE(p.pod, h.pod) AS pod,
  p.claiming_pods AS pod_owners,
  COALESCE(p.node, CASE WHEN situation = 'stayed' OR situation IN ('ruled', 'near') AND rules_hop = 'local' THEN a.rules_node END) AS pod_node,
  CASE
    WHEN situation = 'joined' AND p.node = a.rules_node THEN 'local'
    WHEN situation = 'joined' AND p.node <> a.rules_node THEN 'forwarded'
    WHEN situation IN ('ruled', 'near') THEN rules_hop
    WHEN situation = 'stayed' THEN 'local'
    WHEN situation IN ('from-node', 'from-assumed-node') THEN 'forwarded'
    WHEN situation IN ('pod-dialled', 'no-service', 'refused') THEN 'none'
    ELSE 'unknown'
  END AS hop,
  CASE
    WHEN situation = 'joined' AND post_nat_src_ip = src_ip AND is_before_source_nat AND rules_source_nat
      THEN CASE WHEN certain AND NOT has_drifted THEN TRUE END
    WHEN situation = 'joined' THEN post_nat_src_ip <> src_ip
    WHEN leg = 'ingress' AND has_drifted AND NOT rules_source_nat THEN NULL
    WHEN situation IN ('ruled', 'near', 'stayed') THEN rules_source_nat
    WHEN situation IN ('from-node', 'from-assumed-node') THEN TRUE
    WHEN situation IN ('pod-dialled', 'no-service') THEN FALSE
    WHEN leg = 'ingress' AND (verdict = 'dnat' OR situation = 'refused') THEN rules_source_nat
  END AS source_nat
FROM aimed AS a
LEFT JOIN address_owners AS p
  ON p.ip = a.pod_ip AND COALESCE(a.corrected_start_us, -1) >= p.valid_from_us AND COALESCE(a.corrected_start_us, -1) < p.valid_to_us
LEFT JOIN host_network_pods AS h ON h.protocol = a.protocol AND h.ip = a.pod_ip AND h.port = a.pod_port AND COALESCE(a.corrected_start_us >= h.valid_from_us, TRUE)
