"""`cvsi-db models`: the bundles one can use, what they need, and what of it is on this machine."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cvsi_db.models.hashes import hash_file
from cvsi_db.models.inventory import Part, inventory, licence_of, pull, readable, size_of, state_of
from cvsi_db.models.spec import BUNDLES, NO_PHI, BundleSpec, load_spec
from cvsi_db.models.verify import verify

from .common import common_options, emit, format_options, tell
from .completion import bundles

_format = format_options("table", "json")
_name = click.argument("name", metavar="BUNDLE", shell_complete=bundles)


@click.group("models", invoke_without_command=True)
@_format
@common_options
@click.pass_context
def command(ctx: click.Context, /, form: str, **_: object) -> None:
    """List, show, download and verify bundles: what --model takes.

    BUNDLE is a bundle's name or a bundle.toml file. Without a command, the list.
    """
    if ctx.invoked_subcommand is None:
        _list(form)


@command.command("list")
@_format
@common_options
def list_command(form: str, **_: object) -> None:
    """List the bundles.

    Name, licence, size of the download, and how much of each is on this machine.
    """
    _list(form)


@command.command("show")
@_name
@_format
@common_options
def show_command(name: str, form: str, **_: object) -> None:
    """Show one bundle.

    Its settings, and of each part the source, licence, size, and files on this machine with their sha256.
    """
    spec = load_spec(name)
    parts = inventory(spec)
    emit(json.dumps(_shown(spec, parts), indent=2) if form == "json" else _show_text(spec, parts))


@command.command("pull")
@_name
@click.option("--no-phi", is_flag=True, help="Leave out its phi, whose licence may be narrower.")
@common_options
def pull_command(name: str, no_phi: bool, **_: object) -> None:
    """Download what a bundle still needs.

    Into the Hugging Face cache, with its own client, and a phi that stands in a release into your cache folder; nothing
    when the bundle is complete. What each file is at its first download is recorded. HF_HUB_OFFLINE is respected, and
    HF_ENDPOINT and CVSI_RELEASES name other servers.
    """
    spec = load_spec(name.removesuffix(NO_PHI) + NO_PHI if no_phi else name)
    pulled = pull(inventory(spec))
    fetched = f"pulled {', '.join(part.name for part in pulled)}" if pulled else "nothing to pull"
    emit(f"{spec.name}: {fetched}; {state_of(inventory(spec))} on this machine")


@command.command("verify")
@_name
@_format
@common_options
def verify_command(name: str, form: str, quiet: bool, **_: object) -> int:
    """Compare a bundle's files with their hashes.

    With those that the Hugging Face cache records, those that published files had at their first use, and those in a
    sha256sums.txt beside a local file or in the folder above (the starter comes with one). Exit code 1 when a file is
    damaged, changed or missing.
    """
    spec = load_spec(name)
    checked = verify(inventory(spec))
    rows = [dataclasses.asdict(file) for file in checked]
    if form == "json":
        emit(json.dumps(rows, indent=2))
    else:
        emit(_columns([row | {"sha256": row["sha256"] or "-"} for row in rows], ["verdict", "part", "sha256", "path"]))
    bad = [file for file in checked if file.verdict in ("damaged", "changed", "missing")]
    if bad and not quiet:
        first = "delete the damaged ones, then " if any(file.verdict != "missing" for file in bad) else ""
        remedy = f"{first}`cvsi-db models pull` what comes from the hub, or install or copy the others again"
        what = " or ".join(sorted({file.verdict for file in bad}))
        tell(f"{len(bad)} of {len(checked)} files of {spec.name} are {what}: {remedy}")
    return 1 if bad else 0


# --- what is printed --------------------------------------------------------------------------------------------


def _list(form: str) -> None:
    shown = [_summary(spec, inventory(spec)) for spec in BUNDLES.values()]
    if form == "json":
        emit(json.dumps(shown, indent=2))
        return
    heads = {"name": "BUNDLE", "cached": "CACHED", "size": "DOWNLOAD", "licence": "LICENCE", "summary": "WHAT IT IS"}
    emit(_columns([heads, *({**row, "size": readable(row["size_bytes"])} for row in shown)], list(heads)))


def _summary(spec: BundleSpec, parts: Sequence[Part]) -> dict[str, Any]:
    found = {"licence": licence_of(parts), "size_bytes": size_of(parts), "cached": state_of(parts)}
    return dataclasses.asdict(spec) | found


def _shown(spec: BundleSpec, parts: Sequence[Part]) -> dict[str, Any]:
    def file(path: Path) -> dict[str, Any]:
        return {"path": str(path), "size_bytes": path.stat().st_size, "sha256": hash_file(path)}

    shown = [
        {
            "name": part.name,
            "source": part.source,
            "repo": part.repo,
            "release": part.release,
            "licence": part.licence,
            "size_bytes": part.size_bytes,
            "cached": part.state,
            "files": [file(path) for path in part.files],
        }
        for part in parts
    ]
    return _summary(spec, parts) | {"parts": shown}


def _show_text(spec: BundleSpec, parts: Sequence[Part]) -> str:
    shown = _shown(spec, parts)
    keys = ("summary", "licence", "cached", "preset", "preprocess", "captions")
    lines = [spec.name, *(f"  {key:10}  {shown[key]}" for key in keys)]
    for part in shown["parts"]:
        told = {"source": part["source"], "licence": part["licence"]}
        if part["repo"] or part["release"]:
            place = {"hub": part["repo"]} if part["repo"] else {"release": part["release"]}
            told |= place | {"download": readable(part["size_bytes"]), "cached": part["cached"]}
        lines += [part["name"], *(f"  {key:10}  {value}" for key, value in told.items())]
        lines += [f"    {file['sha256']}  {readable(file['size_bytes']):>8}  {file['path']}" for file in part["files"]]
    lines += [] if spec.phi else ["phi", "  none: searches run without the pseudo_token branch"]
    lines += [] if spec.captioner else ["captioner", "  none: images get no captions"]
    return "\n".join(lines)


def _columns(rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> str:
    """The rows as columns; all but the last are padded to one width."""
    widths = {key: max(len(str(row[key])) for row in rows) for key in keys[:-1]}
    return "\n".join(
        "  ".join([*(f"{row[key]!s:{widths[key]}}" for key in keys[:-1]), str(row[keys[-1]])]) for row in rows
    )
