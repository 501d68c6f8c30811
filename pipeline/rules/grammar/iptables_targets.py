"""Compiles `-j TARGET options` to a target.

Example: `-j DNAT --to-destination 10.100.0.7:80` becomes Dnat; `-j MARK --set-xmark 0x4000/0x4000` becomes a SetMark
step and the target Continue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.grammar.values import parse_dnat, value_and_mask
from pipeline.rules.model import matches as m
from pipeline.rules.model.targets import Continue, Jump, Redirect, Return, Snat, Target, UnknownTarget, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = """
LOG NFLOG ULOG TRACE TCPMSS TCPOPTSTRIP CHECKSUM CLASSIFY DSCP TOS TTL HL ECN AUDIT ACCOUNT SET SECMARK CONNSECMARK
RATEEST IDLETIMER LED TEE SYNPROXY
"""
_WITHOUT_EFFECT = frozenset(_NAMES.split())  # on where a packet goes


def parse_target(name: str, options: Sequence[str], steps: list[m.Step]) -> Target:
    """The target of `-j NAME options`; changes of the fwmark and of connection tracking are added to the steps."""
    value = _Values(options)
    if name in ("ACCEPT", "DROP", "REJECT"):
        return Verdict(name.lower())
    if name == "RETURN":
        return Return()
    if name in ("MASQUERADE", "SNAT"):
        return Snat()
    if name == "DNAT":
        return parse_dnat(value("--to-destination"), persistent="--persistent" in options)
    if name == "REDIRECT":
        return Redirect(_first_port(value("--to-ports")))
    if name in ("MARK", "CONNMARK"):
        change = _mark_change(value, connection=name == "CONNMARK")
        if change is None:
            return UnknownTarget(f"not understood: {' '.join([name, *options])}")
        steps.append(change)
        return Continue()
    if name == "NOTRACK" or (name == "CT" and "--notrack" in options):
        steps.append(m.NoTrack())
        return Continue()
    if name == "IPVS":
        return _ipvs(value("--scheduler") or "")
    if name in _WITHOUT_EFFECT or name in ("", "CT"):
        return Continue()
    return Jump(name) if not options else UnknownTarget(f"not understood: {' '.join([name, *options])}")


def _ipvs(scheduler: str) -> UnknownTarget:
    """IPVS servers: source NAT is never known, and the shares only if the scheduler does not depend on load."""
    if scheduler in ("rr", "wrr"):
        return UnknownTarget("IPVS: whether the source is rewritten is not traced", affects_shares=False)
    return UnknownTarget(
        f"IPVS: scheduler {scheduler} gives no fixed shares; whether the source is rewritten is not traced"
    )


class _Values:
    """Returns the value of an option by the option's name."""

    def __init__(self, options: Sequence[str]) -> None:
        self.options = options

    def __call__(self, name: str) -> str | None:
        at = self.options.index(name) if name in self.options else -1
        return self.options[at + 1] if 0 <= at < len(self.options) - 1 else None


def _mark_change(value: _Values, *, connection: bool) -> m.Step | None:
    try:
        return _mark_step(value, connection)
    except ValueError:
        return None


def _mark_step(value: _Values, connection: bool) -> m.Step | None:
    if "--save-mark" in value.options or "--restore-mark" in value.options:
        mask = value("--mask") or value("--nfmask") or "0xffffffff"
        return m.CopyMark("--save-mark" in value.options, int(mask, 0))
    if text := value("--set-xmark"):
        flip, width = value_and_mask(text)
        return m.SetMark(width, flip, connection)
    if text := value("--set-mark"):
        bits, width = value_and_mask(text)
        return m.SetMark(width | bits, bits, connection)
    if text := value("--or-mark"):
        return m.SetMark(int(text, 0), int(text, 0), connection)
    if text := value("--xor-mark"):
        return m.SetMark(0, int(text, 0), connection)
    if text := value("--and-mark"):
        return m.SetMark(~int(text, 0) & 0xFFFFFFFF, 0, connection)
    return None


def _first_port(text: str | None) -> int | None:
    return int(text.partition("-")[0]) if text and text.partition("-")[0].isdigit() else None
