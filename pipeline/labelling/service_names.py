"""Which Service a destination or a chain belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.grammar.chain_names import chain_hashes, hash_of, service_in_chain, service_in_comment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.rules.dumps.frontends import Frontend

ServicePort = tuple[str | None, object]  # `namespace/name`, and the Service's own port number


class ServiceNames:
    """The Services of a cluster, by frontend and by chain name."""

    def __init__(self, rows: Iterable[Mapping[str, object]]) -> None:
        """`rows` are those of `service_ports`."""
        self._by_frontend: dict[tuple[object, object, object], ServicePort] = {}
        self._by_chain_hash: dict[str, ServicePort] = {}
        for row in rows:
            service = str(row["service"])
            service_port = service, row.get("service_port")
            self._by_frontend.setdefault((row["protocol"], row.get("ip"), row["port"]), service_port)
            port_name = str(row["port_name"]) if row.get("port_name") else None
            for chain_hash in chain_hashes(service, port_name, str(row["protocol"])):
                self._by_chain_hash.setdefault(chain_hash, service_port)

    def of(self, frontend: Frontend, chain: str | None, comment: str, *, is_local: bool) -> ServicePort:
        """The Service of a frontend: by its address, as a node port, by the chain's name, or by a comment."""
        protocol, address, port = frontend
        return (
            self._by_frontend.get((protocol, address, port))
            or (self._by_frontend.get((protocol, None, port)) if is_local else None)
            or self._by_chain_hash.get(hash_of(chain or "") or "")
            or (service_in_chain(chain or "") or service_in_comment(comment), None)
        )
