"""Rules: compile a node's dump to one model, and trace packets through it. No SQL, no files.

See README.md for the four stages: model, grammar, dumps, tracing.
"""

from pipeline.rules.dumps.ruleset import RuleSet, rule_sets_by_node
from pipeline.rules.model.context import NodeFacts, TraceContext
from pipeline.rules.tracing.tracer import Trace, Tracer

__all__ = ["NodeFacts", "RuleSet", "Trace", "TraceContext", "Tracer", "rule_sets_by_node"]
