"""`cvsi-db duplicates`: files of the same content, and images that look alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from .common import common_options, emit, format_options, plural, settings_for
from .output import as_json, shortest, sized
from .progress import bar

if TYPE_CHECKING:
    from cvsi_db.manage.duplicates import Duplicates, Lookalike, SameContent
    from cvsi_db.store.location import Location


@click.command("duplicates")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.98,
    show_default=True,
    help="The least cosine of two embeddings that count as alike.",
)
@format_options("table", "json")
@common_options
def command(threshold: float, form: str, db: Location | None, quiet: bool) -> None:
    """Show files of the same content, and images that look alike.

    A file under several paths, by links, is no duplicate of itself: it is shown as one file.

    Every pair is found that is near enough; bounds spare most others the comparison: 100,000 images take some 10
    seconds on two cores, and up to four times as long for twice as many. Images look alike when the gallery's model
    cannot tell them apart, so look before you delete.
    """
    from cvsi_db.gallery import Gallery

    with Gallery.open(settings_for(db).db) as gallery, bar("comparing", quiet) as show:
        found = gallery.duplicates(threshold, on_progress=show and (lambda done, total: show(done, total, "")))
    emit(as_json(_plain(found)) if form == "json" else _as_text(found))


def _plain(found: Duplicates) -> dict[str, object]:
    return {**dataclasses.asdict(found), "seconds": round(found.seconds, 3)}


def _as_text(found: Duplicates) -> str:
    groups = ["\n".join(["same content", *_paths(same)]) for same in found.exact]
    groups += ["\n".join(["one file", *_paths(same)]) for same in found.linked]
    groups += ["\n".join(["look alike", *map(_line, group)]) for group in found.near]
    alike = sum(len(group) for group in found.near)
    linked = f"{len(found.linked)} with links, " if found.linked else ""
    last = (
        f"{plural(found.images, 'image')}: {len(found.exact)} with several files, {linked}"
        f"{alike} alike in {plural(len(found.near), 'group')} (threshold {found.threshold:g}); {found.seconds:.1f} s"
    )
    return "\n\n".join([*groups, last])


def _paths(same: SameContent) -> Iterator[str]:
    yield from (f"  {shortest(path)}" for path in same.paths)
    yield from (f"  {shortest(link.path)}  ({link.kind} to {shortest(link.of)})" for link in same.links)


def _line(one: Lookalike) -> str:
    size = f"{one.width} × {one.height}"
    return f"  {one.similarity:.4f}  {size:>13}  {sized(one.size_bytes):>10}  {shortest(one.path)}"
