"""What Service objects say of rules: the ports that an old tool left out of them, and chains that are not theirs."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline.rules.grammar.chain_names import chain_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

INFERRED = "-m inferred --dport"  # how `spec` says that a port is a Service's and not the dump's
_LETTERS = r"^KUBE-(?:SVC|SVL|EXT|FW|XLB)-([A-Z2-7]{16})$"
_DESTINATION = r"(?:^| )-d ([^\s/]+)(?:/32|/128)? "
_FRONTS = ("KUBE-SERVICES", "KUBE-NODEPORTS")


class Services:
    """The ports of Services, by what kube-proxy would call their chains, and by their address."""

    def __init__(self, rows: Iterable[Mapping[str, object]]) -> None:
        """From rows of `service_ports`."""
        self._ports = defaultdict[tuple[str, str], set[int]](set)  # by kind of front and a chain's letters
        self._names = defaultdict[tuple[object, ...], dict[str, tuple[str, ...]]](dict)
        for row in rows:
            port_name = str(row["port_name"]) if row.get("port_name") else None
            letters = chain_hashes(str(row["service"]), port_name, str(row["protocol"]))
            front = _FRONTS[row["kind"] == "node-port"]
            for name in letters:
                self._ports[front, name].add(int(str(row["port"])))
            if front == "KUBE-SERVICES":
                owners = self._names[row["protocol"], row.get("ip"), int(str(row["port"]))]
                owners[f"{row['service']}:{port_name}" if port_name else str(row["service"])] = letters

    def with_ports(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows of rules, those that lost the port they match with the one of their Service, marked as inferred."""
        import polars as pl

        spec = pl.col("spec")
        bare = spec.str.contains(r"(?:^| )-p \w+ ") & ~spec.str.contains("--dport", literal=True)
        lost = rows.with_row_index("row").filter(bare, pl.col("chain").is_in(_FRONTS))
        lost = lost.select("row", "chain", pl.col("target").str.extract(_LETTERS))
        ports = {row: self._ports[chain, letters] for row, chain, letters in lost.iter_rows() if letters}
        known = {row: f" {INFERRED} {min(found)} -j " for row, found in ports.items() if len(found) == 1}
        if not known:
            return rows
        changed = rows[list(known)].select(
            spec.str.replace(" -j ", pl.lit(pl.Series(list(known.values()))), literal=True)
        )
        return rows.with_columns(spec=rows["spec"].scatter(list(known), changed["spec"]))

    def misnamed(self, rows: pl.DataFrame) -> Iterable[tuple[int, str]]:
        """(row, what was found) of each rule whose chain is not that of the Service whose address it is about."""
        import polars as pl

        spec = pl.col("spec")
        named = rows.with_row_index("row").filter(pl.col("chain") == "KUBE-SERVICES")
        told = named.select(
            "row",
            "target",
            letters=pl.col("target").str.extract(_LETTERS),
            protocol=spec.str.extract(r"(?:^| )-p (\w+)"),
            ip=spec.str.extract(_DESTINATION),
            port=spec.str.extract(r" --dport (\d+) ").cast(pl.Int64),
        ).drop_nulls()
        for row, target, letters, *place in told.iter_rows():
            owners = self._names.get(tuple(place), {})
            if owners and not any(letters in hashes for hashes in owners.values()):
                name, hashes = min(owners.items())
                _, ip, port = place
                yield (
                    row,
                    f"{ip}:{port} is {name}'s, for which kube-proxy writes {hashes[0]}; these rules go to {target}",
                )
