-- about: One row per connection with where it went: hop, source NAT, pod, and the `situation` that all three follow from.
-- about: Affinity and label come later (`affinity_results`, `connections`).
-- about: `situation` is the first of its WHENs that fits, from what was seen to what follows from rules to what is missing. A
-- about: value that is also a reason (pipeline/schema/words.py) becomes the reason of an unlabelled connection.
-- about: Limit: whether a destination belongs to a Service is known only if objects or rules name the Services. Without them
-- about: nothing is called `no-service`.
-- grain: connection
-- key: connection_id
-- store: view
-- Where the connection stands, each value once:
-- situation: witnesses-disagree The data sources contradict each other, so none counts.
-- situation: legs-joined The addresses after NAT were seen, or are in a conntrack dump.
-- situation: decided-by-rules The rules of its ingress node are certain and put all endpoints on one side of the hop.
-- situation: dropped-by-rules The rules of its ingress node drop or reject it.
-- situation: all-endpoints-local The rules are not certain, but all endpoints that they name are on the ingress node.
-- situation: stayed-local Captures show no forward leg where one would have been seen, so it stayed on its node.
-- situation: from-other-node Only the leg to the pod was seen, and its source is the address of another node.
-- situation: from-assumed-node As before, but the source is taken for a node's: private, no pod's, and the Service rewrites sources.
-- situation: to-pod-address The client connected to a pod's address directly.
-- situation: no-service Its destination is no Service's.
-- situation: rules-drifted The rule dump is older or newer than the traffic.
-- situation: uncertain-rules The rules are incomplete, or hold a match that cannot be evaluated.
-- situation: no-rules No rules of its ingress node are known.
-- situation: capture-incomplete A node that could have received it was not captured.
-- situation: capture-lossy No forward leg was seen, but the captures lose too many packets for that to prove anything.
-- situation: capture-may-exclude-forward-leg No forward leg was seen, and the captures show none to those ports at all.
-- situation: leg-not-joined No forward leg joins to it, but an unmatched leg could be its own.
-- situation: ambiguous-endpoint The rules allow endpoints on this node and on others.
-- situation: endpoint-node-unknown It is not known on which node its endpoint is.
-- situation: node-originated Only the leg to the pod was seen, and its source is the pod's own node.
-- situation: ingress-leg-not-captured Only the leg to the pod was seen, and its source is no node's address.
WITH service_objects AS (
  SELECT COUNT(*) > 0 AS are_known FROM service_ports
),
endpoint_objects AS (
  SELECT COUNT(*) > 0 AS are_known FROM endpoints
),
node_rules AS (
  SELECT COUNT(CASE WHEN has_rules THEN 1 END) > 0 AS are_known FROM client_socket_context
),
service_endpoints AS (
  SELECT s.are_known AND (e.are_known OR r.are_known) AS are_known
  FROM service_objects AS s
  CROSS JOIN endpoint_objects AS e
  CROSS JOIN node_rules AS r
),
shared_addresses AS (
  SELECT split_part(cidr, '/', 1) AS ip
  FROM matched_node_addresses
  WHERE kind <> 'pods'
  GROUP BY cidr
  HAVING COUNT(DISTINCT node) <> 1
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
    CASE WHEN j.leg = 'ingress' THEN j.max_affinity_s IS NOT NULL ELSE j.is_post_nat AND COALESCE(o.has_client_affinity, FALSE) END
      AS has_client_affinity,
    CASE
      -- Contradicting data sources. First, because each WHEN below would trust one of them.
      WHEN j.has_conflict THEN 'witnesses-disagree'
      -- A node port whose address may be another node's, used from inside the cluster: that node's rules decided, not these.
      -- A client outside reaches the node that it addresses, so it is not concerned. Before all that uses the rules.
      WHEN j.destination_may_be_other_nodes AND t.owner_node IS NULL AND (s.is_private OR s.in_pod_range) THEN 'uncertain-rules'
      -- Seen before and after NAT: the strongest proof, whatever the rules are.
      WHEN j.leg = 'ingress' AND j.post_nat_dst_ip IS NOT NULL THEN 'legs-joined'
      -- Policy Local keeps traffic on its node even if the list of endpoints is old. Before drift excludes the rules.
      WHEN j.leg = 'ingress' AND f.is_local_policy AND j.certain AND j.rules_hop = 'local' THEN 'decided-by-rules'
      -- Stale rules decide nothing from here on. One exception: a missing forward leg still proves that the connection stayed
      -- (below), if legs are compared by fingerprint and captures show every endpoint's port and lose little.
      WHEN j.leg = 'ingress' AND f.protocol IS NOT NULL
        AND NOT COALESCE(j.has_fingerprint AND j.local_endpoint_count > 0 AND j.all_routes_observed AND j.all_ports_observed
          AND NOT j.forward_leg_may_be_lost, FALSE)
        THEN 'rules-drifted'
      -- The rules refuse it, but a server accepted it: they are not the rules of that time.
      WHEN j.leg = 'ingress' AND j.certain AND j.verdict IN ('drop', 'reject') AND j.is_accepted THEN 'rules-drifted'
      -- The rules refuse it, and no server accepted it. Before hops, because there is none.
      WHEN j.leg = 'ingress' AND j.certain AND j.verdict IN ('drop', 'reject') THEN 'dropped-by-rules'
      -- Every endpoint is on one side, so the hop is known though the pod may not be.
      WHEN j.leg = 'ingress' AND j.certain AND j.rules_hop <> 'unknown' AND f.protocol IS NULL THEN 'decided-by-rules'
      -- The same from rules that are not certain: they may refuse the connection, but it may have been answered, and only
      -- this node has endpoints.
      WHEN j.leg = 'ingress' AND j.rules_hop = 'local' AND f.protocol IS NULL AND j.may_have_reply THEN 'all-endpoints-local'
      -- Absence: endpoints on both sides, answered, every forward leg would have been seen, and none is left over. Two
      -- answers: the captures may have lost just that leg, or it stayed.
      WHEN j.leg = 'ingress' AND j.certain AND j.local_endpoint_count > 0 AND j.has_reply AND j.all_routes_observed
        AND NOT j.has_unmatched_leg AND j.forward_leg_may_be_lost THEN 'capture-lossy'
      WHEN j.leg = 'ingress' AND j.certain AND j.local_endpoint_count > 0 AND j.has_reply AND j.all_routes_observed
        AND NOT j.has_unmatched_leg THEN 'stayed-local'
      -- From here on an ingress leg is undecided; the first thing missing is the reason. No trace at all:
      WHEN j.leg = 'ingress' AND j.trace_id IS NULL THEN 'no-rules'
      -- absence could prove it, but a node was not captured,
      WHEN j.leg = 'ingress' AND j.certain AND j.local_endpoint_count > 0 AND NOT j.all_captured THEN 'capture-incomplete'
      -- or a leg is left over that may be its own,
      WHEN j.leg = 'ingress' AND j.certain AND j.local_endpoint_count > 0 AND j.has_reply AND j.has_unmatched_leg
        THEN 'leg-not-joined'
      -- or no other connection shows that forward legs would be seen;
      WHEN j.leg = 'ingress' AND j.certain AND j.local_endpoint_count > 0 AND j.has_reply THEN 'capture-may-exclude-forward-leg'
      -- absence could prove nothing: no endpoint is local for certain, or nobody answered,
      WHEN j.leg = 'ingress' AND j.certain AND j.endpoint_count > 1 THEN 'ambiguous-endpoint'
      -- or the only endpoint's node is not known.
      WHEN j.leg = 'ingress' AND j.certain THEN 'endpoint-node-unknown'
      WHEN j.leg = 'ingress' THEN 'uncertain-rules'
      -- Only a leg after NAT was seen: its source and its pod's node decide. Without the pod's node nothing follows.
      WHEN j.is_post_nat AND d.node IS NULL THEN 'endpoint-node-unknown'
      -- The pod's own node as source: the node itself, or a client that it masquerades; the two look the same.
      WHEN j.is_post_nat AND j.src_node = d.node THEN 'node-originated'
      -- Another node as source: that node forwarded the connection and rewrote its source.
      WHEN j.is_post_nat AND j.src_node IS NOT NULL THEN 'from-other-node'
      -- A source that looks like a node's. After the known nodes; never a client outside, a pod, or an address of several nodes.
      WHEN j.is_post_nat AND s.is_private AND NOT s.in_pod_range AND e.ip IS NULL AND o.rewrites_sources
        THEN 'from-assumed-node'
      WHEN j.is_post_nat THEN 'ingress-leg-not-captured'
      -- Neither a service address nor an endpoint, as far as is known. Without Services nothing is known.
      WHEN NOT j.has_rules AND NOT k.are_known THEN 'no-rules'
      -- A pod's address that is no Service's endpoint.
      WHEN COALESCE(t.in_pod_range, FALSE) OR d.pod IS NOT NULL OR d.claiming_pods IS NOT NULL THEN 'to-pod-address'
      ELSE 'no-service'
    END AS situation
  FROM connection_evidence AS j
  CROSS JOIN service_endpoints AS k
  LEFT JOIN stale_rules AS f
    ON f.protocol = j.protocol AND f.dst_ip = j.dst_ip AND f.dst_port = j.dst_port
  LEFT JOIN endpoint_services AS o ON o.protocol = j.protocol AND o.ip = j.dst_ip AND o.port = j.dst_port
  LEFT JOIN address_owners AS d
    ON d.ip = j.dst_ip AND COALESCE(j.corrected_start_us, -1) >= d.valid_from_us
    AND COALESCE(j.corrected_start_us, -1) < d.valid_to_us
  LEFT JOIN addresses AS s ON s.ip = j.src_ip
  LEFT JOIN addresses AS t ON t.ip = j.dst_ip
  LEFT JOIN shared_addresses AS e ON e.ip = j.src_ip
),
with_endpoints AS (
  SELECT
    s.*,
    situation IN ('from-other-node', 'from-assumed-node', 'node-originated') AS client_hidden,
    CASE
      WHEN situation = 'legs-joined' THEN post_nat_dst_ip
      WHEN (has_drifted AND leg = 'ingress') OR situation = 'witnesses-disagree' THEN NULL
      WHEN situation = 'stayed-local' THEN only_local_ip
      WHEN leg = 'ingress' THEN only_endpoint_ip
      WHEN is_post_nat OR situation = 'to-pod-address' THEN dst_ip
    END AS pod_ip,
    CASE
      WHEN situation = 'legs-joined' THEN post_nat_dst_port
      WHEN (has_drifted AND leg = 'ingress') OR situation = 'witnesses-disagree' THEN NULL
      WHEN situation = 'stayed-local' THEN only_local_port
      WHEN leg = 'ingress' THEN only_endpoint_port
      WHEN is_post_nat OR situation = 'to-pod-address' THEN dst_port
    END AS pod_port
  FROM situations AS s
)
SELECT
  a.*,
  COALESCE(p.pod, h.pod) AS pod,
  p.claiming_pods AS pod_owners,
  COALESCE(
    p.node,
    CASE WHEN situation = 'stayed-local' OR (situation IN ('decided-by-rules', 'all-endpoints-local') AND rules_hop = 'local')
      THEN a.rules_node END
  ) AS pod_node,
  -- The hop of one connection. `decision_summary` decides the hop that rules allow (`rules_hop`); `connections` makes the
  -- label from this hop.
  CASE
    -- Seen: the endpoint's node against the ingress node. If the endpoint's node is not known, neither fits.
    WHEN situation = 'legs-joined' AND p.node = a.rules_node THEN 'local'
    WHEN situation = 'legs-joined' AND p.node <> a.rules_node THEN 'forwarded'
    -- From rules: the side on which all endpoints are.
    WHEN situation IN ('decided-by-rules', 'all-endpoints-local') THEN rules_hop
    -- From absence: no leg left the node.
    WHEN situation = 'stayed-local' THEN 'local'
    -- From addresses: the source is another node's.
    WHEN situation IN ('from-other-node', 'from-assumed-node') THEN 'forwarded'
    -- No Service chose an endpoint.
    WHEN situation IN ('to-pod-address', 'no-service', 'dropped-by-rules') THEN 'none'
    ELSE 'unknown'
  END AS hop,
  CASE
    -- The leg after NAT was seen on the ingress node with the client's source, and the rules rewrite it: the packet was
    -- caught before source NAT, so what was seen proves nothing and the rules decide, if they are certain and current.
    WHEN situation = 'legs-joined' AND post_nat_src_ip = src_ip AND is_before_source_nat AND rules_source_nat
      THEN CASE WHEN certain AND NOT has_drifted THEN TRUE END
    -- Seen: the source before and after.
    WHEN situation = 'legs-joined' THEN post_nat_src_ip <> src_ip
    -- Stale rules that keep the source: the rules of that time may have rewritten it. Before what trusts the rules.
    WHEN leg = 'ingress' AND has_drifted AND NOT rules_source_nat THEN NULL
    WHEN situation IN ('decided-by-rules', 'all-endpoints-local', 'stayed-local') THEN rules_source_nat
    -- The source is a node's, so the client's was replaced.
    WHEN situation IN ('from-other-node', 'from-assumed-node') THEN TRUE
    -- No Service, no NAT by it.
    WHEN situation IN ('to-pod-address', 'no-service') THEN FALSE
    -- The path is not known, but the rules treat the source alike on all of them.
    WHEN leg = 'ingress' AND (verdict = 'dnat' OR situation = 'dropped-by-rules') THEN rules_source_nat
  END AS source_nat
FROM with_endpoints AS a
-- a connection without a time takes the row from -1 to 0 of address_owners
LEFT JOIN address_owners AS p
  ON p.ip = a.pod_ip AND COALESCE(a.corrected_start_us, -1) >= p.valid_from_us
  AND COALESCE(a.corrected_start_us, -1) < p.valid_to_us
LEFT JOIN host_network_pods AS h
  ON h.protocol = a.protocol AND h.ip = a.pod_ip AND h.port = a.pod_port
  AND COALESCE(a.corrected_start_us >= h.valid_from_us, TRUE)
