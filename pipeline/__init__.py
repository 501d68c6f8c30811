"""hopscope: who got the traffic of a Kubernetes load test, and by which rules."""

__version__ = "0.1.0"
