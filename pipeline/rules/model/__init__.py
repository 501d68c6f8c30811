"""What a rule is: matches, targets, sets of addresses."""
