"""Kubernetes objects as kubectl prints them: JSON, YAML, tables."""
