"""Rules: read into one model, followed packet by packet; no SQL, no files."""

from pipeline.rules.ruleset import RuleSet
from pipeline.rules.state import NodeFacts

__all__ = ["NodeFacts", "RuleSet"]
