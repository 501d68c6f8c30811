"""Fixtures that every test may use, and the rule that CI skips nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
IN_CI = bool(os.environ.get("CI"))


def lacking(reason: str) -> None:
    """Leave the test out because of what this machine lacks; in CI, where nothing may lack, fail it."""
    (pytest.fail if IN_CI else pytest.skip)(reason)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of lab captures and dumps beside the checkout; tests that use it carry the marker `shared`."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        lacking(f"no folder {folder.name}/ beside the checkout")
    return folder


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is an error: what it needs has to be installed there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if IN_CI and reporter else []
    if skipped:
        reporter.line("")
        reporter.section("skipped in CI, which is an error", red=True)
        for report in skipped:
            reporter.line(f"{report.nodeid}: {report.longrepr[2] if isinstance(report.longrepr, tuple) else ''}")
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
