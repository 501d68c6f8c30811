"""Judge what was counted: significance tests, verdicts per Service, thresholds, comparison of two runs."""
