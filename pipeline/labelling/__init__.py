"""Build the result tables of a run: trace the nodes' rules, and let the SQL models label each connection."""
