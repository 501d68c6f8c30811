SELECT at_us, event, service, node, pod, connection_count, expected_choices
FROM distribution_events
ORDER BY at_us NULLS LAST, event NULLS LAST, service NULLS LAST, node NULLS LAST, pod NULLS LAST
