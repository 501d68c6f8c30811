"""Tables that labelling fills: the header of each file in sql/ declares its own table."""

from __future__ import annotations

from pipeline import resources
from pipeline.schema.declare import Column, Table


def _declared_in_sql() -> list[Table]:
    """Return the models whose header has columns: result tables first, then the distribution tables."""
    texts = {p.stem: p.read_text(encoding="utf-8") for p in resources.models()}
    headers = {name: resources.header(text) for name, text in texts.items()}
    names = sorted((n for n in headers if "column" in headers[n]), key=lambda n: (n.startswith("distribution_"), n))
    return [_table(name, headers[name]) for name in names]


def _table(name: str, header: dict[str, list[str]]) -> Table:
    key = ("run", *header["key"][0].split(", "))
    columns = ["run VARCHAR The load test this row belongs to.", *header["column"]]
    return Table(name, header["grain"][0], key, tuple(Column(*line.split(None, 2)) for line in columns))


TABLES = _declared_in_sql()
