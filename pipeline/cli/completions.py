"""Shell completion: names of runs and of Services in the lake that `--lake` names."""

from __future__ import annotations

import typer  # noqa: TC002 - typer reads the types of these functions at run time

from pipeline.config import DEFAULT_LAKE, Limits
from pipeline.errors import HopscopeError


def run_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the runs whose names start with `incomplete`."""
    from pipeline.store.lake import Lake

    return [m.run for m in Lake(ctx.params.get("lake") or DEFAULT_LAKE).runs() if m.run.startswith(incomplete)]


def service_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the Services whose names start with `incomplete`; none if there is no run yet."""
    from pipeline.query.session import open_lake
    from pipeline.store.lake import Lake

    lake = Lake(ctx.params.get("lake") or DEFAULT_LAKE)
    try:
        con = open_lake(lake, Limits(), lake.run(ctx.params.get("run")).run)
    except HopscopeError:
        return []
    names = con.sql("SELECT DISTINCT service FROM services ORDER BY service").fetchall()
    return [name for (name,) in names if name.startswith(incomplete)]
