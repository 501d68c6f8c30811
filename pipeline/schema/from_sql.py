"""Tables that labelling makes: each is declared in the header of its own file in sql/."""

from __future__ import annotations

from pipeline import resources
from pipeline.schema.declare import Column, Table


def _made() -> list[Table]:
    """Those whose header has columns: results, then what the report counts of them."""
    texts = {p.stem: p.read_text(encoding="utf-8") for p in resources.models()}
    headers = {name: resources.header(text) for name, text in texts.items()}
    names = sorted((n for n in headers if "column" in headers[n]), key=lambda n: (n.startswith("distribution_"), n))
    return [_table(name, headers[name]) for name in names]


def _table(name: str, header: dict[str, list[str]]) -> Table:
    key = ("run", *header["key"][0].split(", "))
    columns = ["run VARCHAR The load test this row belongs to.", *header["column"]]
    return Table(name, header["grain"][0], key, tuple(Column(*line.split(None, 2)) for line in columns))


TABLES = _made()
