-- about: Legs put together: one SYN seen at several vantages is one connection, exactly; without a SYN, one 5-tuple
-- about: in the same place of its series at each vantage. The first leg by part and time is the anchor.
-- grain: conversation at one vantage
-- key: flow_id
-- store: no
WITH placed AS (
  SELECT
    l.*,
    ROW_NUMBER() OVER (
      PARTITION BY node, interface, protocol, src_ip, src_port, dst_ip, dst_port, tcp_isn IS NULL
      ORDER BY start_us NULLS LAST, flow_id
    ) AS place
  FROM legs AS l
),
keyed AS (
  SELECT
    p.*,
    CASE
      WHEN tcp_isn IS NOT NULL AND tcp_tsval IS NOT NULL
        THEN protocol || ' ' || CAST(tcp_isn AS VARCHAR) || ' ' || CAST(tcp_tsval AS VARCHAR)
      ELSE protocol || ' ' || src_ip || ' ' || CAST(src_port AS VARCHAR) || ' ' || dst_ip || ' '
        || CAST(dst_port AS VARCHAR) || ' ' || COALESCE(CAST(tcp_isn AS VARCHAR), '#' || CAST(place AS VARCHAR))
    END AS stitch_key,
    CASE leg WHEN 'ingress' THEN 1 WHEN 'delivery' THEN 2 WHEN 'forward' THEN 3 ELSE 4 END AS leg_rank
  FROM placed AS p
)
SELECT
  k.*,
  ROW_NUMBER() OVER (PARTITION BY stitch_key ORDER BY leg_rank, start_us NULLS LAST, flow_id) AS anchor_rank,
  ROW_NUMBER() OVER (
    PARTITION BY stitch_key, leg IN ('forward', 'delivery')
    ORDER BY CASE WHEN reply_packet_count > 0 THEN 0 ELSE 1 END, leg_rank, start_us NULLS LAST, flow_id
  ) AS after_rank,
  COUNT(*) OVER (PARTITION BY stitch_key) AS flow_count
FROM keyed AS k
