WITH advice AS (
  SELECT
    reason,
    CASE reason
      WHEN 'no-rules' THEN 'The node where it entered has no rule dump.'
      WHEN 'ambiguous-endpoint' THEN 'The rules allow several pods, and nothing else decides.'
      WHEN 'endpoint-node-unknown' THEN 'The pod''s node is not known.'
      WHEN 'uncertain-rules' THEN 'A rule it may meet is missing or not understood.'
      WHEN 'node-originated' THEN 'The node itself called a pod of its own; a local connection looks the same.'
      WHEN 'ingress-leg-not-captured' THEN 'Seen only on its way to the pod.'
      WHEN 'source-nat-unknown' THEN 'Whether its source was rewritten is not known.'
      WHEN 'capture-incomplete' THEN 'A node it may have gone to was not captured.'
      WHEN 'capture-may-exclude-forward-leg' THEN 'The capture filter may hide its way to the pod.'
    END AS meaning,
    CASE reason
      WHEN 'no-rules' THEN 'Add iptables-save of that node.'
      WHEN 'ambiguous-endpoint' THEN 'Capture the pods'' nodes too, with tcp.seq_raw and the timestamp value.'
      WHEN 'endpoint-node-unknown' THEN 'Add kubectl get pods,nodes -A -o json.'
      WHEN 'uncertain-rules' THEN 'Dump all chains with iptables-save on the node.'
      WHEN 'node-originated' THEN 'Capture on the pod''s interface, or add a conntrack dump.'
      WHEN 'ingress-leg-not-captured' THEN 'Capture every node on its outer interface.'
      WHEN 'source-nat-unknown' THEN 'Add iptables-save of the node where it entered.'
      WHEN 'capture-incomplete' THEN 'Capture every node that has pods of the service.'
      WHEN 'capture-may-exclude-forward-leg' THEN 'Capture the pods'' port as well as the service''s.'
    END AS remedy,
    service,
    entered_at,
    connection_count
  FROM distribution_unlabelled
)
SELECT reason, service, entered_at, connection_count, meaning, remedy
FROM advice
ORDER BY connection_count DESC NULLS LAST, reason NULLS LAST, service NULLS LAST, entered_at NULLS LAST
