"""The prompt of `hopscope sql`, typed at on a real terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

import pytest

from pipeline import resources
from pipeline.store.lake import Lake
from pipeline.store.manifest import Manifest
from tests.test_query import ENDLESS

CONTROLS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
WHERE_IS_THE_CURSOR = b"\x1b[6n"


class Terminal:
    """A command on a terminal of 24 lines: type at it, and read what it shows."""

    def __init__(self, *words, cwd, env):
        self.pid, self.screen = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(sys.executable, [sys.executable, "-m", "pipeline", *words], env)
        fcntl.ioctl(self.screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
        self.shown = ""

    def type(self, text):
        os.write(self.screen, text.encode())

    def until(self, wanted, seconds=20):
        """What is shown until `wanted` is, without colours and movements."""
        end, seen = time.monotonic() + seconds, b""
        while wanted not in self.shown:
            assert time.monotonic() < end, self.shown
            if select.select([self.screen], [], [], 0.1)[0]:
                new = os.read(self.screen, 65536)
                if WHERE_IS_THE_CURSOR in new:
                    self.type("\x1b[1;1R")
                seen += new
                self.shown = self.shown + CONTROLS.sub("", new.decode("utf-8", "ignore"))
        before, _, self.shown = self.shown.partition(wanted)
        return before

    def leave(self, seconds=20):
        """Its exit code; it is ended where it does not end."""
        end = time.monotonic() + seconds
        while not (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.05)
        return os.waitstatus_to_exitcode(ended[1])


@pytest.fixture
def terminal(tmp_path):
    """The prompt over a lake with one run that has no rows."""
    with Lake(tmp_path / "lake").stage(Manifest("monday", {})):
        pass
    env = {"PYTHONPATH": str(resources.folder("sql").parent), "PATH": "/usr/bin:/bin", "TERM": "xterm"}
    return Terminal("sql", cwd=tmp_path, env=env | {"XDG_STATE_HOME": str(tmp_path / "state")})


def test_a_conversation(terminal, tmp_path):
    terminal.until("hopscope>")
    terminal.type("SELECT 6 * 7 AS answer,\r")
    terminal.until("...>")
    terminal.type("count(*) AS n FROM distribution_af\t")
    terminal.until("distribution_affinities")
    terminal.type(";\r")
    assert "answer" in terminal.until("42  0")
    terminal.until("hopscope>")
    terminal.type(f"{ENDLESS};\r")
    terminal.until("= 7;")
    time.sleep(1)
    terminal.type("\x03")
    terminal.until("warning: the query was stopped")
    terminal.until("hopscope>")
    terminal.type("SELECT lable FROM connections;\r")
    terminal.until("nearest: label")
    terminal.until("hopscope>")
    terminal.type("SELECT * FROM read_text('/etc/hostname');\r")
    terminal.until("--unsafe")
    terminal.until("hopscope>")
    terminal.type("\x1b[A\x1b[A")
    terminal.until("SELECT lable")
    terminal.type("\x03")
    terminal.type("SELECT 'still' || ' there' AS it;\r")
    terminal.until("still there")  # surely of after the interruption; a prompt may be of before
    terminal.until("hopscope>")
    terminal.type("\x04")
    assert terminal.leave() == 0
    asked = tmp_path / "state" / "hopscope" / "sql_history"
    assert "SELECT 6 * 7" in asked.read_text()
    assert asked.stat().st_mode & 0o777 == 0o600


def test_its_words_leave(terminal):
    terminal.until("hopscope>")
    terminal.type("exit\r")
    assert terminal.leave() == 0
