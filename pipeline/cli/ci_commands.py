"""Verbs for CI: compare two runs, or check a run against thresholds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import app
from pipeline.cli.choices import CheckForm
from pipeline.cli.completions import run_names
from pipeline.cli.options import Common, with_common
from pipeline.errors import CheckError


@app.command()
@with_common
def compare(
    common: Common,
    run_a: Annotated[str, typer.Argument(metavar="RUN_A", autocompletion=run_names, help="The run before.")],
    run_b: Annotated[str, typer.Argument(metavar="RUN_B", autocompletion=run_names, help="The run after.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Also write an HTML report here.")
    ] = None,
    fail_on_change: Annotated[bool, typer.Option("--fail-on-change", help="Exit with 1 if anything changed.")] = False,
) -> None:
    """Compare two runs: what changed, by how much, and whether chance explains it.

    Example: `hopscope compare monday tuesday -o changes.html --fail-on-change`
    """
    from pipeline.query.session import open_lake
    from pipeline.report.page import comparison, write_comparison
    from pipeline.statistics.compare import compare as compare_runs
    from pipeline.statistics.compare import create_table
    from pipeline.store.lake import Lake

    lake = Lake(common.lake)
    names = lake.run(run_a).run, lake.run(run_b).run
    con = open_lake(lake, common.limits)
    differences = compare_runs(con, *names)
    create_table(con, differences)
    sys.stdout.write(comparison(con, *names))
    if output:
        write_comparison(con, *names, output)
        sys.stdout.write(f"\nreport: {output.resolve()}\n")
    if fail_on_change and any(row["changed"] for row in differences):
        raise CheckError(f"{names[1]} differs from {names[0]} beyond chance")


@app.command()
@with_common
def check(
    common: Common,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="TOML with thresholds (default: a few common ones).")
    ] = None,
    form: Annotated[CheckForm, typer.Option("--format", help="How to print it.")] = CheckForm.TEXT,
) -> None:
    """Check a run against thresholds; exit 1 if one is breached.

    Example: `hopscope check --config thresholds.toml --format junit > hopscope.xml`, with
    `[thresholds]` `unlabelled_share = "< 0.05"` and `[services."default/web"]` `snat_forwarded_share = "< 5 %"`.
    """
    from pipeline.display import plain_text
    from pipeline.query.session import open_lake
    from pipeline.statistics.thresholds import as_dicts, as_junit, read_thresholds
    from pipeline.statistics.thresholds import check as check_run
    from pipeline.store.lake import Lake

    thresholds = read_thresholds(config)
    lake = Lake(common.lake)
    name = lake.run(common.run).run
    outcomes = check_run(open_lake(lake, common.limits, name), thresholds)
    if form is CheckForm.JUNIT:
        sys.stdout.write(plain_text(as_junit(name, outcomes)))
    elif form is CheckForm.JSON:
        sys.stdout.write(json.dumps({"run": name, "outcomes": as_dicts(outcomes)}, indent=1) + "\n")
    else:
        sys.stdout.write(plain_text("".join(f"{o.text}\n" for o in outcomes)))
    if breached := [o for o in outcomes if o.passed is False]:
        raise CheckError(f"{len(breached)} of {len(outcomes)} thresholds breached in run {name}")
