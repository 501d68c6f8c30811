"""Follow packets through a node's rules to endpoints, probabilities and source NAT."""
