"""`cvsi-db models`: the bundles one can use."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from .common import common_options, emit


@click.command("models")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@common_options
def command(form: str, db: Path | None, quiet: bool) -> None:
    """List the bundles that --model takes."""
    from cvsi_db.models.bundle import BUNDLES

    if form == "json":
        emit(json.dumps([dataclasses.asdict(spec) for spec in BUNDLES.values()], indent=2))
        return
    width = max(map(len, BUNDLES))
    emit("\n".join(f"{spec.name:{width}}  {spec.summary}; licence {spec.licence}" for spec in BUNDLES.values()))
