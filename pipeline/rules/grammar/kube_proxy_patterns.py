"""The parts of a kube-proxy rule's text that several regexes have in common: one place for its line grammar.

kube-proxy writes some forms of rules by the hundred thousand, so three fast readers match exactly these forms:
* `formats/rule_dumps/iptables_save_vectorised.py`: lines of a dump, to columns;
* `kube_proxy_rules.py`: the text of one rule, to a Rule;
* `endpoint_chains.py`: a column of texts, to endpoints.
A text in another form goes to the general readers, which are slower and give the same result.

The patterns are valid in Python and in polars (Rust). Texts are printable ASCII, and the character after a part shows
that the part has ended, so a match never backtracks.
"""

PROTOCOLS = ("tcp", "udp", "sctp")
PROTOCOL = "|".join(PROTOCOLS)
QUOTED_COMMENT = r"[ !#-\[\]-~]*"  # printable, without quotes and backslashes
BARE_COMMENT = r"[0-9A-Za-z][!#-\[\]-~]*"
COMMENT = rf'comment --comment (?:"{QUOTED_COMMENT}"|{BARE_COMMENT})'
PROBABILITY = "statistic --mode random --probability"
