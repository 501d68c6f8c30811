-- about: Legs put together. A SYN, told by its sequence number and timestamp value, is one connection wherever it is
-- about: seen; a repeated SYN has a new timestamp value, so legs that share any SYN belong together. Without a SYN,
-- about: one 5-tuple in the same place of its series at each vantage. The first leg by part and time is the anchor.
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
syns AS (
  SELECT flow_id, protocol, tcp_isn, syn_tsvals[1] AS first_tsval, UNNEST(syn_tsvals) AS tsval
  FROM placed
  WHERE tcp_isn IS NOT NULL
),
shared_syns AS (
  SELECT protocol, tcp_isn, tsval, MIN(first_tsval) AS first_tsval
  FROM syns
  GROUP BY protocol, tcp_isn, tsval
),
roots AS (
  SELECT s.flow_id, MIN(t.first_tsval) AS root_tsval
  FROM syns AS s
  INNER JOIN shared_syns AS t ON t.protocol = s.protocol AND t.tcp_isn = s.tcp_isn AND t.tsval = s.tsval
  GROUP BY s.flow_id
),
keyed AS (
  SELECT
    p.*,
    CASE
      WHEN r.root_tsval IS NOT NULL
        THEN protocol || ' ' || CAST(tcp_isn AS VARCHAR) || ' ' || CAST(r.root_tsval AS VARCHAR)
      ELSE protocol || ' ' || src_ip || ' ' || CAST(src_port AS VARCHAR) || ' ' || dst_ip || ' '
        || CAST(dst_port AS VARCHAR) || ' #' || CAST(place AS VARCHAR)
    END AS stitch_key,
    CASE leg WHEN 'ingress' THEN 1 WHEN 'delivery' THEN 2 WHEN 'forward' THEN 3 ELSE 4 END AS leg_rank
  FROM placed AS p
  LEFT JOIN roots AS r ON r.flow_id = p.flow_id
)
SELECT
  k.*,
  ROW_NUMBER() OVER (PARTITION BY stitch_key ORDER BY leg_rank, start_us NULLS LAST, flow_id) AS anchor_rank,
  ROW_NUMBER() OVER (
    PARTITION BY stitch_key, leg IN ('forward', 'delivery')
    ORDER BY CASE WHEN synack_count > 0 OR payload_bytes > 0 THEN 0 ELSE 1 END, leg_rank, start_us NULLS LAST, flow_id
  ) AS after_rank,
  COUNT(*) OVER (PARTITION BY stitch_key) AS flow_count
FROM keyed AS k
