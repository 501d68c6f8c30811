"""What a rule is (matches, target) and what it works on (a branch of packets in a trace context)."""
