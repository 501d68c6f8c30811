"""The rules of one node: chains, hooks, Service addresses, and what is wrong with the dump."""
