"""Answer questions about a lake: SQL sessions, macros, `explain` for one connection, `trace` for one rule dump."""
