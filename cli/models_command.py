"""`cvsi-db models`: the bundles one can use, what they need, and what of it is on this machine."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import common_options, emit

if TYPE_CHECKING:
    from cvsi_db.models.bundle import BundleSpec
    from cvsi_db.models.inventory import Part
    from cvsi_db.models.verify import Checked

_format = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
_name = click.argument("name", metavar="BUNDLE")


@click.group("models", invoke_without_command=True)
@_format
@common_options
@click.pass_context
def command(ctx: click.Context, form: str, db: Path | None, quiet: bool) -> None:
    """List, show, download and verify bundles: what --model takes.

    BUNDLE is a bundle's name or a bundle.toml file. Without a command, the list.
    """
    if ctx.invoked_subcommand is None:
        _list(form)


@command.command("list")
@_format
@common_options
def list_command(form: str, db: Path | None, quiet: bool) -> None:
    """List the bundles.

    Name, licence, size of the download, and how much of each is on this machine.
    """
    _list(form)


@command.command("show")
@_name
@_format
@common_options
def show_command(name: str, form: str, db: Path | None, quiet: bool) -> None:
    """Show one bundle.

    Its settings, and of each part the source, licence, size, and files on this machine with their sha256.
    """
    from cvsi_db.models.bundle import load_spec
    from cvsi_db.models.inventory import inventory

    spec = load_spec(name)
    parts = inventory(spec)
    emit(json.dumps(_shown(spec, parts), indent=2) if form == "json" else _show_text(spec, parts))


@command.command("pull")
@_name
@common_options
def pull_command(name: str, db: Path | None, quiet: bool) -> None:
    """Download what a bundle still needs.

    Into the Hugging Face cache, with its own client; nothing when the bundle is complete. HF_HUB_OFFLINE is respected.
    """
    from cvsi_db.models.bundle import load_spec
    from cvsi_db.models.inventory import inventory, state_of
    from cvsi_db.models.pull import pull

    def say(part: Part) -> None:
        if not quiet:
            click.echo(f"pulling {part.name} {part.repo} ({_size(part.size_bytes)})", err=True)

    spec = load_spec(name)
    with _bars(quiet):
        pulled = pull(inventory(spec), say)
    fetched = f"pulled {', '.join(part.name for part in pulled)}" if pulled else "nothing to pull"
    emit(f"{spec.name}: {fetched}; {state_of(inventory(spec))} on this machine")


@command.command("verify")
@_name
@_format
@common_options
def verify_command(name: str, form: str, db: Path | None, quiet: bool) -> int:
    """Compare a bundle's files with their hashes.

    With those that the Hugging Face cache records, and those in a sha256sums.txt beside a local file or in the folder
    above (the starter comes with one). Exit code 1 when a file is damaged or missing.
    """
    from cvsi_db.models.bundle import load_spec
    from cvsi_db.models.inventory import inventory
    from cvsi_db.models.verify import verify

    spec = load_spec(name)
    checked = verify(inventory(spec))
    bad = [file for file in checked if file.verdict in ("damaged", "missing")]
    emit(json.dumps([dataclasses.asdict(file) for file in checked], indent=2) if form == "json" else _verdicts(checked))
    if bad and not quiet:
        click.echo(f"{len(bad)} of {len(checked)} files of {spec.name} are not sound: {_remedy(bad)}", err=True)
    return 1 if bad else 0


# --- what is printed --------------------------------------------------------------------------------------------


def _list(form: str) -> None:
    from cvsi_db.models.bundle import BUNDLES
    from cvsi_db.models.inventory import inventory

    shown = [_summary(spec, inventory(spec)) for spec in BUNDLES.values()]
    if form == "json":
        emit(json.dumps(shown, indent=2))
        return
    heads = {"name": "BUNDLE", "cached": "CACHED", "size": "DOWNLOAD", "licence": "LICENCE", "summary": "WHAT IT IS"}
    emit(_columns([heads, *({**row, "size": _size(row["size_bytes"])} for row in shown)], list(heads)))


def _summary(spec: BundleSpec, parts: Sequence[Part]) -> dict[str, Any]:
    from cvsi_db.models.inventory import licence_of, size_of, state_of

    found = {"licence": licence_of(parts), "size_bytes": size_of(parts), "cached": state_of(parts)}
    return dataclasses.asdict(spec) | found


def _shown(spec: BundleSpec, parts: Sequence[Part]) -> dict[str, Any]:
    from cvsi_db.models.verify import hash_file

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
        lines += [f"{part['name']}", *(f"  {key:10}  {value}" for key, value in _part_lines(part).items())]
        lines += [f"    {file['sha256']}  {_size(file['size_bytes']):>8}  {file['path']}" for file in part["files"]]
    return "\n".join(lines if spec.phi else [*lines, "phi", "  none: searches run without the pseudo_token branch"])


def _part_lines(part: dict[str, Any]) -> dict[str, str]:
    where = (
        {"hub": part["repo"], "download": _size(part["size_bytes"]), "cached": part["cached"]} if part["repo"] else {}
    )
    return {"source": part["source"], "licence": part["licence"], **where}


def _verdicts(checked: Sequence[Checked]) -> str:
    rows = [
        {"verdict": file.verdict, "part": file.part, "sha": file.sha256 or "-", "path": file.path} for file in checked
    ]
    return _columns(rows, ["verdict", "part", "sha", "path"])


def _remedy(bad: Sequence[Checked]) -> str:
    damaged = any(file.verdict == "damaged" for file in bad)
    first = "delete the damaged ones, then " if damaged else ""
    return f"{first}`cvsi-db models pull` what comes from the hub, or install or copy the others again"


def _columns(rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> str:
    """The rows as aligned columns, the last one as wide as it likes."""
    widths = {key: max(len(str(row[key])) for row in rows) for key in keys[:-1]}
    return "\n".join(
        "  ".join([*(f"{row[key]!s:{widths[key]}}" for key in keys[:-1]), str(row[keys[-1]])]) for row in rows
    )


def _size(size: int | None) -> str:
    """Bytes as people say them: 605 MB."""
    if size is None:
        return "unknown"
    if size == 0:
        return "none"
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} B"


@contextmanager
def _bars(quiet: bool) -> Iterator[None]:
    """The hub client's own bars are on stderr, and only in a terminal; --quiet switches them off."""
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

    if not quiet:
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
