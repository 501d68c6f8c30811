"""Compile a rule's text, in iptables' or nft's grammar, to the model."""
