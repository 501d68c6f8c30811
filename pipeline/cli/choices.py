"""The values of options that allow a few words only."""

from __future__ import annotations

from enum import StrEnum


class StoryForm(StrEnum):
    """How `explain` and `trace` print an answer."""

    TEXT = "text"
    JSON = "json"


class ListForm(StrEnum):
    """How `inputs` prints its list."""

    TABLE = "table"
    JSON = "json"


class CheckForm(StrEnum):
    """How `check` prints the results of thresholds."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


class Origin(StrEnum):
    """Where a packet comes from, as seen by the node that translates it."""

    POD = "pod"
    NODE = "node"
    EXTERNAL = "external"
