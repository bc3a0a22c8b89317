"""`cvsi-db models`: the bundles one can use, what they need, and what of it is on this machine."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cvsi_db.models.inventory import Part, inventory, licence_of, pull, size_of, state_of
from cvsi_db.models.spec import BUNDLES, BundleSpec, load_spec
from cvsi_db.models.verify import hash_file, verify

from .common import common_options, emit, format_options

_format = format_options("table", "json")
_name = click.argument("name", metavar="BUNDLE")


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
@common_options
def pull_command(name: str, quiet: bool, **_: object) -> None:
    """Download what a bundle still needs.

    Into the Hugging Face cache, with its own client; nothing when the bundle is complete. HF_HUB_OFFLINE is respected.
    """

    def announce(part: Part) -> None:
        if not quiet:
            click.echo(f"pulling {part.name} {part.repo} ({_size(part.size_bytes)})", err=True)

    if quiet:
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()  # the client's own, which it shows on a terminal
    spec = load_spec(name)
    pulled = pull(inventory(spec), announce)
    fetched = f"pulled {', '.join(part.name for part in pulled)}" if pulled else "nothing to pull"
    emit(f"{spec.name}: {fetched}; {state_of(inventory(spec))} on this machine")


@command.command("verify")
@_name
@_format
@common_options
def verify_command(name: str, form: str, quiet: bool, **_: object) -> int:
    """Compare a bundle's files with their hashes.

    With those that the Hugging Face cache records, and those in a sha256sums.txt beside a local file or in the folder
    above (the starter comes with one). Exit code 1 when a file is damaged or missing.
    """
    spec = load_spec(name)
    checked = verify(inventory(spec))
    rows = [dataclasses.asdict(file) for file in checked]
    if form == "json":
        emit(json.dumps(rows, indent=2))
    else:
        emit(_columns([row | {"sha256": row["sha256"] or "-"} for row in rows], ["verdict", "part", "sha256", "path"]))
    bad = [file for file in checked if file.verdict in ("damaged", "missing")]
    if bad and not quiet:
        first = "delete the damaged ones, then " if any(file.verdict == "damaged" for file in bad) else ""
        remedy = f"{first}`cvsi-db models pull` what comes from the hub, or install or copy the others again"
        click.echo(f"{len(bad)} of {len(checked)} files of {spec.name} are damaged or missing: {remedy}", err=True)
    return 1 if bad else 0


# --- what is printed --------------------------------------------------------------------------------------------


def _list(form: str) -> None:
    shown = [_summary(spec, inventory(spec)) for spec in BUNDLES.values()]
    if form == "json":
        emit(json.dumps(shown, indent=2))
        return
    heads = {"name": "BUNDLE", "cached": "CACHED", "size": "DOWNLOAD", "licence": "LICENCE", "summary": "WHAT IT IS"}
    emit(_columns([heads, *({**row, "size": _size(row["size_bytes"])} for row in shown)], list(heads)))


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
        if part["repo"]:
            told |= {"hub": part["repo"], "download": _size(part["size_bytes"]), "cached": part["cached"]}
        lines += [part["name"], *(f"  {key:10}  {value}" for key, value in told.items())]
        lines += [f"    {file['sha256']}  {_size(file['size_bytes']):>8}  {file['path']}" for file in part["files"]]
    return "\n".join(lines if spec.phi else [*lines, "phi", "  none: searches run without the pseudo_token branch"])


def _columns(rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> str:
    """The rows as columns; all but the last are padded to one width."""
    widths = {key: max(len(str(row[key])) for row in rows) for key in keys[:-1]}
    return "\n".join(
        "  ".join([*(f"{row[key]!s:{widths[key]}}" for key in keys[:-1]), str(row[keys[-1]])]) for row in rows
    )


def _size(size: int | None) -> str:
    """Bytes as people write them: 605 MB."""
    if size is None:
        return "unknown"
    if size == 0:
        return "none"
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} B"
