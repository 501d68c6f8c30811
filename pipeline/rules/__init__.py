"""Rules: read into one model, followed packet by packet; no SQL, no files."""

from pipeline.rules.dumps.ruleset import RuleSet
from pipeline.rules.tracing.state import NodeFacts

__all__ = ["NodeFacts", "RuleSet"]
