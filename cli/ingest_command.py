"""`cvsi-db ingest`: add files and folders to the gallery."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import click

from cvsi_db.atomic_file import replace_file
from cvsi_db.errors import CvsiError

from .common import (
    LocationType,
    common_options,
    emit,
    file_error,
    format_options,
    max_pixels_option,
    model_options,
    plural,
    settings_for,
    tell,
)
from .engine import engine_options
from .progress import bars

if TYPE_CHECKING:
    from cvsi_db.ingest.ray_engine import RayEngine
    from cvsi_db.records import IngestProgress, IngestSummary
    from cvsi_db.settings import Settings
    from cvsi_db.store.location import Location

ERRORS_HELP = "Write the files that were not taken to FILE, a line of JSON each: path, reason."


@click.command("ingest")
@click.argument("paths", nargs=-1, type=LocationType(), metavar="[PATH]...")
@click.option(
    "--files-from",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="LIST",
    help="Also the files of a text file, a path a line, or of a Parquet file's column path or url.",
)
@click.option("--tag", "tags", multiple=True, metavar="NAME", help="Give every image this tag; may be repeated.")
@click.option("--prune", is_flag=True, help="Delete from the gallery images whose files are gone.")
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images per batch.  [default: what suits the device]")
@click.option("--no-captions", is_flag=True, help="Leave captioning to `cvsi-db caption`.")
@click.option("--no-thumbnails", is_flag=True, help="Keep no small pictures, to be shown where files are not mounted.")
@click.option("--strict", is_flag=True, help="Exit 1 when a file could not be read.")
@click.option("--errors", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help=ERRORS_HELP)
@max_pixels_option
@engine_options
@format_options("table", "json")
@model_options
@common_options
def command(
    paths: tuple[Location, ...],
    files_from: Path | None,
    tags: tuple[str, ...],
    prune: bool,
    dry_run: bool,
    batch_size: int | None,
    no_captions: bool,
    no_thumbnails: bool,
    strict: bool,
    errors: Path | None,
    engine: RayEngine | None,
    form: str,
    model: str | None,
    device: str | None,
    db: Location | None,
    quiet: bool,
) -> int:
    """Add files and folders to the gallery.

    All images are embedded first: from then on searches find them. Those without captions are captioned afterwards,
    which takes far longer; Ctrl-C ends that, and `cvsi-db caption` goes on with it.

    Known files are skipped by size and time, then by content. Files that cannot be read or are no images are counted,
    and `cvsi-db list --failed` names each with the reason.
    Searches leave out images whose files are gone, until the files are back.
    """
    settings, metadata = settings_for(db, model, device), dict[str, Mapping[str, Any]]()
    if files_from is not None:
        from cvsi_db.ingest.files_from import read_file_list
        from cvsi_db.store.location import locate

        named = read_file_list(files_from)
        paths, metadata = (*paths, *map(locate, named.paths)), dict(named.metadata)
        if named.ignored and not quiet:
            tell(f"note: columns that are no metadata of an image are left out: {', '.join(named.ignored)}")
    if errors is not None:  # before any work is done
        with file_error(errors):
            TemporaryFile(dir=errors.parent).close()
    bundle = None
    if dry_run:
        summary = _dry_run(paths, settings, model)
    else:
        options = {
            "batch_size": batch_size,
            "caption": not no_captions,
            "prune": prune,
            "tags": tags,
            "metadata": metadata,
            "thumbnails": not no_thumbnails,
            "engine": engine,
        }
        summary, bundle = _ingest(paths, settings, model, quiet, options)
    if errors is not None:
        left_out = (*summary.errors, *summary.skipped_files)
        lines = (json.dumps(dataclasses.asdict(failure), ensure_ascii=False) + "\n" for failure in left_out)
        with file_error(errors), replace_file(errors) as part:
            part.write_text("".join(lines), "utf-8")
    for failure in summary.errors:
        tell(f"skipped {failure.path}: {failure.reason}")
    for line in () if quiet else _not_taken(summary):
        tell(line)
    for lost in summary.lost:
        tell(f"warning: {lost.path}: {lost.reason}")
    text = _as_text(summary, settings.db, bundle) if bundle else _as_plan(summary)
    emit(json.dumps(_as_json(summary), indent=2) if form == "json" else text)
    return 1 if summary.lost or (strict and summary.failed) else 0


def _dry_run(paths: Sequence[Location], settings: Settings, model: str | None) -> IngestSummary:
    """What an ingest would do; makes no gallery."""
    from cvsi_db.gallery import Gallery
    from cvsi_db.ingest import dry_run
    from cvsi_db.store.folder import is_gallery

    if not is_gallery(settings.db):
        return dry_run(paths)
    with Gallery.open(settings.db, model=model, device=settings.device) as gallery:
        return gallery.ingest(*paths, dry_run=True)


def _ingest(
    paths: Sequence[Location], settings: Settings, model: str | None, quiet: bool, options: dict[str, Any]
) -> tuple[IngestSummary, str]:
    """What was done, and the gallery's model."""
    from cvsi_db.gallery import Gallery
    from cvsi_db.ingest.scan import check_paths
    from cvsi_db.records.tags import normalise_tags
    from cvsi_db.store.folder import is_gallery

    normalise_tags(options["tags"])
    if not is_gallery(settings.db):
        check_paths(paths)  # refuses paths without images before a gallery is made for them
    opened = Gallery.open_or_create(settings.db, model=model, default_model=settings.model, device=settings.device)
    waiting: list[int] = []
    with opened as gallery:
        try:
            with bars(("embedding", "captioning"), quiet) as shows:

                def show(now: IngestProgress) -> None:
                    assert shows is not None
                    shows[now.phase == "captioning"](now.done, now.total, remark(now))

                done = gallery.ingest(
                    *paths,
                    on_progress=show if shows else None,
                    on_searchable=lambda _summary, images: waiting.append(images),
                    **options,
                )
            return done, gallery.model
        except (KeyboardInterrupt, CvsiError) as error:
            if waiting:
                db = shlex.quote(str(settings.db))
                left = f"{gallery.stats()['uncaptioned']} without captions: `cvsi-db caption --db {db}` goes on"
                tell(f"all images can be searched, {left}")
            elif isinstance(error, KeyboardInterrupt):
                tell(f"{plural(len(gallery), 'image')} can be searched: the same command goes on")
            raise


def _not_taken(summary: IngestSummary) -> Iterator[str]:
    """A line for each reason why files were not taken, the most frequent first; hidden ones are not worth a line."""
    reasons: dict[str, list[str]] = {}
    for skipped in summary.skipped_files:
        if not skipped.reason.startswith("a hidden "):
            reasons.setdefault(skipped.reason, []).append(skipped.path)
    for reason, paths in sorted(reasons.items(), key=lambda item: -len(item[1])):
        many = f"{len(paths)} files, as {paths[0]}" if len(paths) > 1 else paths[0]
        yield f"not taken: {many}: {reason}"


def _as_json(summary: IngestSummary) -> dict[str, object]:
    return {**dataclasses.asdict(summary), "seconds": round(summary.seconds, 3)}


def _as_text(summary: IngestSummary, db: Location, model: str) -> str:
    names = ("new", "unchanged", "moved", "duplicates", "failed", "skipped", "removed", "pruned")
    embedded = f"{plural(summary.embedded, 'image')} embedded" if summary.embedded else "nothing to embed"
    captioned = f", {summary.captioned} captioned" if summary.captioned else ""
    return f"{_counts(summary, names)}; {embedded}{captioned} in {summary.seconds:.1f} s; gallery {db} ({model})"


def _as_plan(summary: IngestSummary) -> str:
    others = _counts(summary, ("unchanged", "skipped", "removed"))
    return f"would read {plural(summary.new, 'file')}; {others}; nothing was read or written"


def _counts(summary: IngestSummary, names: Sequence[str]) -> str:
    counts = {name: getattr(summary, name) for name in names}
    shown = [name for name, count in counts.items() if count or name in ("new", "unchanged")]
    return ", ".join(f"{counts[name]} {'not taken' if name == 'skipped' else name}" for name in shown)


def remark(now: IngestProgress) -> str:
    """The rate, the failures, and, while images are embedded, each stage's share of the time."""
    if now.phase == "captioning":
        return f"{now.done / now.seconds:.1f} images/s" + (f" · {now.failed} skipped" if now.failed else "")
    stages = {"reading": now.reading, "models": now.model, "writing": now.writing}
    shares = ", ".join(f"{name} {min(1.0, spent / now.seconds):.0%}" for name, spent in stages.items())
    rate = f"{now.embedded / now.seconds:.1f} images/s"
    return " · ".join([rate, *([f"{now.failed} failed"] if now.failed else []), f"waits for {shares}"])
