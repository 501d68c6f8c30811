"""Compares rules with Service objects: adds ports that an old tool left out, and finds chains of another Service.

Example: `-d 10.200.0.1/32 -p tcp -j KUBE-SVC-X` lost its `--dport`. X is the hash of the Service default/web, which has
port 80, so the rule becomes `-d 10.200.0.1/32 -p tcp -m inferred --dport 80 -j KUBE-SVC-X`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline.rules.grammar.chain_names import ENTRY_CHAINS, SERVICE_CHAIN, chain_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

INFERRED = "-m inferred --dport"  # precedes a port in `spec` that is from the Service, not from the dump
_DESTINATION = r"(?:^| )-d ([^\s/]+)(?:/32|/128)? "


class Services:
    """The ports of Services by the letters of their chains, and the Services by their address."""

    def __init__(self, rows: Iterable[Mapping[str, object]]) -> None:
        """From rows of `service_ports`."""
        self._ports = defaultdict[tuple[str, str], set[int]](set)  # by entry chain and a chain's letters
        self._names = defaultdict[tuple[object, ...], dict[str, tuple[str, ...]]](dict)
        for row in rows:
            port_name = str(row["port_name"]) if row.get("port_name") else None
            letters = chain_hashes(str(row["service"]), port_name, str(row["protocol"]))
            entry_chain = ENTRY_CHAINS[row["kind"] == "node-port"]
            for name in letters:
                self._ports[entry_chain, name].add(int(str(row["port"])))
            if entry_chain == "KUBE-SERVICES":
                owners = self._names[row["protocol"], row.get("ip"), int(str(row["port"]))]
                owners[f"{row['service']}:{port_name}" if port_name else str(row["service"])] = letters

    def with_ports(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows of rules; a rule that lost its port has the port of its Service, marked as inferred."""
        import polars as pl

        spec = pl.col("spec")
        bare = spec.str.contains(r"(?:^| )-p \w+ ") & ~spec.str.contains("--dport", literal=True)
        lost = rows.with_row_index("row").filter(bare, pl.col("chain").is_in(ENTRY_CHAINS))
        lost = lost.select("row", "chain", pl.col("target").str.extract(SERVICE_CHAIN))
        ports = {row: self._ports[chain, letters] for row, chain, letters in lost.iter_rows() if letters}
        texts = {row: f" {INFERRED} {min(of_row)} -j " for row, of_row in ports.items() if len(of_row) == 1}
        if not texts:
            return rows
        changed = rows[list(texts)].select(
            spec.str.replace(" -j ", pl.lit(pl.Series(list(texts.values()))), literal=True)
        )
        return rows.with_columns(spec=rows["spec"].scatter(list(texts), changed["spec"]))

    def misnamed(self, rows: pl.DataFrame) -> Iterable[tuple[int, str]]:
        """(row, message) of each rule that sends a Service's address to a chain of another Service."""
        import polars as pl

        spec = pl.col("spec")
        entries = rows.with_row_index("row").filter(pl.col("chain") == "KUBE-SERVICES")
        jumps = entries.select(
            "row",
            "target",
            letters=pl.col("target").str.extract(SERVICE_CHAIN),
            protocol=spec.str.extract(r"(?:^| )-p (\w+)"),
            ip=spec.str.extract(_DESTINATION),
            port=spec.str.extract(r" --dport (\d+) ").cast(pl.Int64),
        ).drop_nulls()
        for row, target, letters, *address in jumps.iter_rows():
            owners = self._names.get(tuple(address), {})
            if owners and not any(letters in hashes for hashes in owners.values()):
                name, hashes = min(owners.items())
                _, ip, port = address
                yield (
                    row,
                    f"{ip}:{port} is {name}'s, for which kube-proxy writes {hashes[0]}; these rules go to {target}",
                )
